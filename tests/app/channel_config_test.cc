#include "app/channel_config.h"

#include <doctest/doctest.h>

#include "tests/app/config_bench.h"

namespace imrelay {
namespace {

constexpr const char* kSecret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

std::string Channel(const std::string& line) { return "[channel]\n" + line + '\n'; }
std::string Line(const std::string& name, const std::string& rest) {
  return "[[line]]\nname = \"" + name + "\"\nurl = \"https://c.example/" + name + "\"\n" + rest +
         '\n';
}

TEST_CASE("channel_config: lines have channels of their own beside the unnamed one") {
  ConfigBench bench;
  bench.Write("desk_key", "desk-desk-desk-desk\n");

  const Config config = bench.Loaded(
      Channel("url = \"https://c.example\"\nkey = \"0123456789abcdef\"") +
      Line("desk",
           "portal = \"BAC1\"\nconnector = \"MyConn\"\nline = 107\nkey_file = \"desk_key\"\n"
           "max_delete_age = \"7d\"\ndelete_fallback = \"edit\"") +
      "[[line]]\nname = \"bot\"\nline = 3\ntype = \"telegram\"\ntoken = \"1:x\"\n"
      "tell_operator = false\ndelete_incoming = true\n");

  REQUIRE(config.channels.size() == 3);
  const ConfiguredChannel& desk = config.channels.at("desk");
  CHECK(desk.url == "https://c.example/desk");
  CHECK(Revealed(desk.key) == "desk-desk-desk-desk");
  CHECK(desk.key.key == "line.desk.key");
  CHECK(desk.max_delete_age == std::chrono::days(7));
  CHECK(desk.edit_instead);
  CHECK(desk.lines == ServedLines{MemberId("bac1"), ConnectorId("myconn"), LineId(107)});
  const ConfiguredChannel& bot = config.channels.at("bot");
  CHECK(bot.type == ConfiguredChannel::Type::kTelegram);
  CHECK(Revealed(bot.token) == "1:x");
  CHECK(bot.lines == ServedLines{{}, {}, LineId(3)});
  CHECK_FALSE(bot.tell_operator);
  CHECK(bot.delete_incoming);
  CHECK(config.channels.at("").lines == ServedLines());
}

TEST_CASE("channel_config: the environment overrides lines, and makes them") {
  ConfigBench bench;

  const Config config =
      bench.Loaded(Line("a-b", "line = 1"), {{"IMRELAY_LINE_A_B_URL", "https://other.example"},
                                             {"IMRELAY_LINE_A_B_SECRET_PREVIOUS", kSecret},
                                             {"IMRELAY_LINE_NEW_LINE", "2"},
                                             {"IMRELAY_LINE_NEW_URL", "https://new.example"}});

  REQUIRE(config.channels.size() == 3);
  CHECK(config.channels.at("a-b").url == "https://other.example");
  CHECK(Revealed(config.channels.at("a-b").secret_previous) == kSecret);
  CHECK(config.channels.at("a-b").secret.value.empty());
  CHECK(config.channels.at("new").url == "https://new.example");
  CHECK(Contains(bench.Refusal("", {{"IMRELAY_LINE_NEW_URLS", "x"}}),
                 "IMRELAY_LINE_NEW_URLS is no configuration key; such variables are "
                 "IMRELAY_LINE_NAME_KEY; keys of a [[line]]: name, portal, connector, line, type"));
  CHECK(Contains(bench.Refusal("", {{"IMRELAY_LINE_DEFAULT_URL", "x"}}),
                 "name = \"default\": must be"));
}

TEST_CASE("channel_config: a line is complete and nobody else's") {
  ConfigBench bench;
  const auto refusal = [&](const std::string& toml) { return bench.Refusal(toml); };

  CHECK(
      Contains(refusal(Line("a", "connector = \"x\"")), "[[line]] \"a\": line: must be given, or"));
  CHECK(Contains(refusal(Line("a", "portal = \"\"")), "[[line]] \"a\": portal = \"\": must be"));
  CHECK(Contains(refusal(Line("a", "line = 0")), "line = \"0\": must be a whole number from 1"));
  CHECK(
      Contains(refusal("[[line]]\nname = \"a\"\nline = 1"), "[[line]] \"a\": url: must be given"));
  CHECK(Contains(refusal("[[line]]\nname = \"a\"\nline = 1\ntype = \"telegram\""),
                 "[[line]] \"a\": token: must be given, or token_file"));
  CHECK(Contains(refusal(Line("a", "line = 1") + Line("b", "line = 1")),
                 "[[line]] \"b\": line = \"1\": must be another one than that of [[line]] \"a\""));
  CHECK(Contains(refusal(Line("default", "line = 1")), "and not default"));
  CHECK(Contains(refusal(Line("a", "line = 1") + Line("a", "line = 2")), "which is taken"));
  CHECK(Contains(refusal(Line("a", "lines = 1")), "[[line]] \"a\": lines is no configuration key"));
  CHECK(Contains(refusal("[line]\nline = 1"), "line must be tables headed [[line]]"));
}

TEST_CASE("channel_config: an address is https, or http at home") {
  ConfigBench bench;

  for (const char* url : {"https://c.example", "https://c.example/a?token=b", "http://127.0.0.1:9",
                          "http://10.0.0.5/x", "http://[::1]:80", "http://[fd00::1]",
                          "http://channel.lan", "http://192.168.1.1", ""}) {
    CAPTURE(std::string(url));
    CHECK(bench.Loaded(Channel(std::string("url = \"") + url + '"')).channels.at("").url == url);
  }
  for (const char* url : {"http://8.8.8.8", "http://[2a00::1]/x"}) {
    CAPTURE(std::string(url));
    CHECK(Contains(bench.Refusal(Channel(std::string("url = \"") + url + '"')),
                   std::string("channel.url = \"") + url + "\": must be an https:// address"));
  }
  for (const char* url : {"c.example", "ftp://c.example", "https://me@c.example",
                          "https://c.example/#x", "https://c.example/?a b", "https://"}) {
    CAPTURE(std::string(url));
    const std::string text = bench.Refusal(Channel(std::string("url = \"") + url + '"'));
    CHECK(Contains(text, "channel.url = \""));
    CHECK(Contains(text, "\": must be an address"));
  }
}

TEST_CASE("channel_config: secrets are strong enough, and never shown") {
  ConfigBench bench;
  bench.Write("short", "hush");
  const auto refusal = [&](const std::string& line) {
    std::string text = bench.Refusal(Channel(line));
    CHECK_FALSE(Contains(text, "hush"));
    return text;
  };

  for (const char* secret : {"hush", "whsec_", "whsec_hush", "whsec_MDEyMzQ1Njc4OQ==",
                             "WHSEC_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}) {
    CAPTURE(std::string(secret));
    CHECK(
        Contains(refusal(std::string("secret = \"") + secret + '"'),
                 "channel.secret: must be whsec_ and the base64 of 24 to 64 bytes; make one with: "
                 "echo whsec_$(openssl rand -base64 32)"));
  }
  CHECK(Contains(refusal("secret_previous = \"hush\""), "channel.secret_previous: must be whsec_"));
  CHECK(Contains(refusal("secret_file = \"short\""),
                 "channel.secret_file = \"short\": must be whsec_"));
  CHECK(Contains(refusal("key = \"hush\""), "channel.key: must be 16 to 256 visible"));
  CHECK(Contains(refusal("key = \"hush hush hush hush\""), "channel.key: must be 16 to 256"));
  CHECK(Contains(refusal("type = \"telegram\"\nkey = \"hush!hush!hush!hush!\""),
                 "channel.key: must be 16 to 256 of A-Z"));
  for (const char* token : {"hush", "hush:hush", "12:", ":hush", "12:hush/x"}) {
    CAPTURE(std::string(token));
    CHECK(
        Contains(refusal(std::string("token = \"") + token + '"'), "channel.token: must be a bot"));
  }
  // What is sealed can be looked at only with the key file.
  CHECK(bench.Load(Channel("secret = \"sealed:AAAA\"\nkey = \"sealed:AAAA\"")).has_value());
}

TEST_CASE("channel_config: no two channels have one key") {
  ConfigBench bench;

  CHECK(Contains(bench.Refusal(Channel("key = \"0123456789abcdef\"") +
                               Line("a", "line = 1\nkey = \"0123456789abcdef\"")),
                 "[[line]] \"a\": key: must be another one than that of [channel]"));
  CHECK(Contains(bench.Refusal(Line("b", "line = 2\nkey = \"0123456789abcdef\"") +
                               Line("a", "line = 1\nkey = \"0123456789abcdef\"")),
                 "[[line]] \"b\": key: must be another one than that of [[line]] \"a\""));
}

TEST_CASE("channel_config: an age has a unit") {
  ConfigBench bench;
  const auto seconds = [&](const std::string& toml) {
    return bench.Loaded(Channel("max_delete_age = " + toml))
        .channels.at("")
        .max_delete_age->count();
  };

  CHECK(seconds("\"48h\"") == 48 * 3600);
  CHECK(seconds("\"30m\"") == 1800);
  CHECK(seconds("\"7d\"") == 7 * 86400);
  CHECK(seconds("\"90s\"") == 90);
  CHECK(seconds("3600") == 3600);
  for (const char* wrong : {"\"0\"", "-1", "\"h\"", "\"1w\"", "\"1 h\"", "1.5", "\"4000d\"",
                            "\"9223372036854775807d\"", "\"99999999999999999999\""}) {
    CAPTURE(std::string(wrong));
    CHECK(Contains(bench.Refusal(Channel(std::string("max_delete_age = ") + wrong)),
                   "must be a time, as in \"48h\""));
  }
  CHECK(Contains(bench.Refusal(Channel("delete_fallback = \"hide\"")),
                 "channel.delete_fallback = \"hide\": must be \"edit\""));
}

TEST_CASE("channel_config: the more exact is tried first, the unnamed one last") {
  ConfigBench bench;

  const Config config =
      bench.Loaded(Line("a", "line = 1") + Line("b", "portal = \"p\"") +
                   Line("c", "portal = \"p\"\nline = 1\nconnector = \"x\"") +
                   Line("d", "portal = \"p\"\nline = 1") +
                   Line("e", "connector = \"x\"\nline = 1") + Line("f", "line = 2"));

  CHECK(ChannelOrder(config) == std::vector<std::string>{"c", "d", "b", "e", "a", "f", ""});
}

TEST_CASE("channel config: an address that is refused is not repeated with its secrets") {
  ConfigBench bench;
  for (const char* url : {"http://8.8.8.8/in?token=hush", "https://me:hush@c.example/in",
                          "me:hush@c.example/in", "ftp://me:hu@sh@c.example/?hush",
                          "https://c.example/in#hush", "https://me:x?hush@c.example/in"}) {
    const std::string text = bench.Refusal("[channel]\nurl = \"" + std::string(url) + "\"");
    CAPTURE(text);
    CHECK_FALSE(Contains(text, "hush"));
    CHECK_FALSE(Contains(text, "hu@sh"));
    CHECK(Contains(text, "channel.url"));
  }
}

}  // namespace
}  // namespace imrelay
