#include "app/channel_side.h"

#include <string>

#include "app/channel_config.h"
#include "app/telegram_bots.h"

namespace imrelay {
namespace {

// Each waits for a commit, which takes some milliseconds and carries what the others brought.
constexpr int kThreads = 8;
constexpr std::size_t kLongestQueue = 256;

Result<std::vector<ChannelCaller>> OpenCallers(const Config& config, const Keyring& keyring) {
  std::vector<ChannelCaller> callers;
  for (const std::string& name : ChannelOrder(config)) {
    const ConfiguredChannel& configured = config.channels.at(name);
    Result<Secret> key = OpenSecret(configured.key, keyring);
    if (!key) return Fail(std::move(key).error());
    const std::string fault = key->empty() ? "" : FaultOfKey(configured.type, *key);
    if (!fault.empty()) {
      return Fail(ErrorCode::kInvalidArgument, configured.key.key + ": must be " + fault);
    }
    for (const ChannelCaller& other : callers) {
      if (key->empty() || other.key.Reveal() != key->Reveal()) continue;
      return Fail(ErrorCode::kInvalidArgument,
                  configured.key.key + ": must be another one than that of [[line]] \"" +
                      other.name + "\": by it the channel's service is known");
    }
    callers.push_back({name, *std::move(key), configured.lines});
  }
  return callers;
}

}  // namespace

Result<std::unique_ptr<ChannelSide>> ChannelSide::Open(const Config& config, Service& service,
                                                       const Clock& clock) {
  Result<std::vector<ChannelCaller>> callers = OpenCallers(config, service.keyring);
  if (!callers) return Fail(std::move(callers).error());
  Result<std::vector<TelegramBot>> bots = OpenTelegramBots(config, service.keyring);
  if (!bots) return Fail(std::move(bots).error());
  return std::unique_ptr<ChannelSide>(
      new ChannelSide(config, service, *std::move(callers), *std::move(bots), clock));
}

ChannelSide::ChannelSide(const Config& config, Service& service, std::vector<ChannelCaller> callers,
                         std::vector<TelegramBot> bots, const Clock& clock)
    : api_(std::move(callers), ConnectorId(config.connector_id), *service.store, *service.store,
           pool_, clock),
      telegram_(std::move(bots), *service.store, pool_, clock),
      pool_(kThreads, kLongestQueue) {}

void ChannelSide::Handle(const Request& request, Reply reply) {
  if (TelegramUpdates::Owns(request.path)) return telegram_.Handle(request, std::move(reply));
  api_.Handle(request, std::move(reply));
}

}  // namespace imrelay
