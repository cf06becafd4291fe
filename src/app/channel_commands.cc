#include "app/channel_commands.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/table_text.h"
#include "app/channel_config.h"
#include "app/channels.h"
#include "bitrix24/endpoint.h"
#include "channel/telegram.h"
#include "codec/json.h"

namespace imrelay {
namespace {

Table::Cell Text(std::string text) {
  if (text.empty()) return {};
  return {std::move(text), false};
}

std::string ShownName(const std::string& name) { return name.empty() ? kDefaultChannel : name; }

// The host alone: the rest of an address may hold a secret.
std::string HostOf(const ConfiguredChannel& channel) {
  if (!channel.is_configured()) return {};
  const bool telegram = channel.type == ConfiguredChannel::Type::kTelegram;
  const std::string url =
      telegram && channel.url.empty() ? TelegramSettings().api_url : channel.url;
  const std::optional<Endpoint> endpoint = ParseEndpoint(url.substr(0, url.find('?')));
  return endpoint ? endpoint->authority : std::string();
}

// On how many lines something waits, by channel; what belongs to no line is the unnamed one's.
Result<std::map<std::string, int>> CountWaiting(const Config& config, Outbox& outbox) {
  Result<std::vector<ReadyQueue>> queues = outbox.FindReady(Target::kChannel);
  if (!queues) return Fail(std::move(queues).error());
  const std::vector<std::string> order = ChannelOrder(config);
  std::map<std::string, int> waiting;
  for (const ReadyQueue& queue : *queues) {
    const auto serves = [&](const std::string& name) {
      return name.empty() ||
             config.channels.at(name).lines.Include(queue.member_id, queue.connector, queue.line);
    };
    ++waiting[*std::find_if(order.begin(), order.end(), serves)];
  }
  return waiting;
}

std::vector<Table::Cell> RowOf(const std::string& name, const ConfiguredChannel& channel,
                               const EndpointState& state, int waiting) {
  const bool telegram = channel.type == ConfiguredChannel::Type::kTelegram;
  const ServedLines& lines = channel.lines;
  const std::string word =
      channel.is_configured() ? std::string(WordOf(state.state)) : "not configured";
  return {Text(ShownName(name)),
          Text(telegram ? "telegram" : "webhook"),
          Text(HostOf(channel)),
          Text(lines.portal ? lines.portal->value() : ""),
          Text(lines.connector ? lines.connector->value() : ""),
          lines.line ? Table::Cell{std::to_string(lines.line->value()), true} : Table::Cell{},
          Text(word),
          Text(state.since == TimePoint() ? "" : FormatUtc(state.since)),
          Text(state.reason),
          {std::to_string(waiting), true}};
}

}  // namespace

Result<Output> ListChannels(const Config& config, const Keyring& keyring, Outbox& outbox,
                            OutputFormat format) {
  Result<std::vector<ChannelAddress>> addresses = AddressesOf(config, keyring);
  if (!addresses) return Fail(std::move(addresses).error());
  Result<std::vector<EndpointState>> remembered = outbox.Endpoints();
  if (!remembered) return Fail(std::move(remembered).error());
  std::map<std::string, EndpointState> states;
  for (EndpointState& state : StatesOf(*addresses, *remembered)) states[state.name] = state;
  Result<std::map<std::string, int>> waiting = CountWaiting(config, outbox);
  if (!waiting) return Fail(std::move(waiting).error());
  Table table;
  table.columns = {"name",    "type",  "host",  "portal", "connector",
                   "line_id", "state", "since", "reason", "lines_waiting"};
  for (const std::string& name : ChannelOrder(config)) {
    table.rows.push_back(RowOf(name, config.channels.at(name), states[name], (*waiting)[name]));
  }
  return Output{format == OutputFormat::kJson ? TableJson(table) : TableText(table)};
}

Result<Output> TurnChannelOn(const Config& config, const Keyring& keyring, Outbox& outbox,
                             const std::string& name, TimePoint now, OutputFormat format) {
  const auto found = config.channels.find(name == kDefaultChannel ? "" : name);
  if (name.empty() || found == config.channels.end() || !found->second.is_configured()) {
    std::string names;
    for (const std::string& each : ChannelOrder(config)) {
      if (config.channels.at(each).is_configured()) names += ' ' + ShownName(each);
    }
    return Fail(ErrorCode::kNotFound,
                "channel on: no channel \"" + Printable(name) +
                    "\" is configured; there are:" + (names.empty() ? " none" : names));
  }
  Result<std::string> fingerprint = FingerprintOf(found->second, keyring);
  if (!fingerprint) return Fail(std::move(fingerprint).error());
  EndpointState state;
  state.name = found->first;
  state.fingerprint = *std::move(fingerprint);
  state.since = now;
  state.probe_at = now;
  if (Status set = outbox.SetEndpoint(state); !set) return Fail(std::move(set).error());
  if (format == OutputFormat::kText) return Output{name + ": on; what waits is sent now\n"};
  JsonWriter json;
  json.BeginObject().Key("name").String(name).Key("state").String("closed").EndObject();
  return Output{json.Take() + '\n'};
}

}  // namespace imrelay
