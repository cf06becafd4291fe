#include "app/bitrix24_config.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "crypto/digest.h"
#include "tests/app/config_bench.h"

namespace imrelay {
namespace {

constexpr const char* kShop =
    "[[application]]\nname = \"shop\"\nclient_id = \"local.1\"\nclient_secret = \"s1\"\n";

std::string Application(const std::string& name, const std::string& client_id) {
  return "[[application]]\nname = \"" + name + "\"\nclient_id = \"" + client_id +
         "\"\nclient_secret = \"hush\"\n";
}

std::string Bitrix24(const std::string& line) { return "[bitrix24]\n" + line + '\n'; }
std::string Connector(const std::string& line) { return "[connector]\n" + line + '\n'; }

TEST_CASE("bitrix24_config: named applications stand beside the unnamed one") {
  ConfigBench bench;
  bench.Write("desk_secret", "s2\n");

  const Config config =
      bench.Loaded(Bitrix24("client_id = \"local.0\"\nclient_secret = \"s0\"") + kShop +
                   "[[application]]\nname = \"help-desk_2\"\nclient_id = \"local.2\"\n"
                   "client_secret_file = \"desk_secret\"\n");

  REQUIRE(config.applications.size() == 3);
  CHECK(config.applications.at("").client_id == "local.0");
  CHECK(Revealed(config.applications.at("").client_secret) == "s0");
  CHECK(config.applications.at("shop").client_id == "local.1");
  CHECK(Revealed(config.applications.at("shop").client_secret) == "s1");
  CHECK(config.applications.at("shop").client_secret.key == "application.shop.client_secret");
  CHECK(config.applications.at("help-desk_2").client_id == "local.2");
  CHECK(Revealed(config.applications.at("help-desk_2").client_secret) == "s2");
}

TEST_CASE("bitrix24_config: an application's name fits into a path and is there once") {
  ConfigBench bench;
  for (const char* name : {"", "Shop", "_a", "-a", "a.b", "a/b", "a b", "é", "event", "install",
                           "settings", "a23456789012345678901234567890123"}) {
    CAPTURE(std::string(name));
    CHECK(bench.Refusal(Application(name, "local.1"))
              .starts_with(bench.file() + ": [[application]] \"" + name + "\": name = \"" + name +
                           "\": must be 1 to 32 of a-z, 0-9, _ and -"));
  }
  CHECK(bench.Loaded(Application("a2345678901234567890123456789012", "x")).applications.size() ==
        2);
  CHECK(Contains(bench.Refusal(std::string(kShop) + "[[application]]\nclient_id = \"x\"\n"),
                 "[[application]] no. 2: name = \"\": must be"));
  CHECK(Contains(bench.Refusal(std::string(kShop) + Application("shop", "local.2")),
                 "[[application]] \"shop\": name = \"shop\": must be another one than \"shop\""));
  CHECK(Contains(bench.Refusal(Application("a-b", "x") + Application("a_b", "y")),
                 "\"a_b\": name = \"a_b\": must be another one than \"a-b\""));
}

TEST_CASE("bitrix24_config: no two applications have one client id") {
  ConfigBench bench;

  CHECK(bench.Refusal(std::string(kShop) + Application("desk", "local.1")) ==
        bench.file() +
            ": [[application]] \"shop\": client_id = \"local.1\": must be another one than that of "
            "the application \"desk\": each application is configured once");
  CHECK(Contains(bench.Refusal(Bitrix24("client_id = \"local.1\"") + kShop),
                 "must be another one than that of [bitrix24]"));
}

TEST_CASE("bitrix24_config: a named application is complete") {
  ConfigBench bench;

  CHECK(Contains(bench.Refusal("[[application]]\nname = \"shop\"\nclient_secret = \"hush\""),
                 "[[application]] \"shop\": client_id: must be given"));
  CHECK(Contains(bench.Refusal("[[application]]\nname = \"shop\"\nclient_id = \"\""),
                 "[[application]] \"shop\": client_id = \"\": must be given"));
  CHECK(Contains(bench.Refusal("[[application]]\nname = \"shop\"\nclient_id = \"local.1\""),
                 "[[application]] \"shop\": client_secret: must be given, or client_secret_file"));
  CHECK(Contains(bench.Refusal("[[application]]\nname = \"shop\"\nclient_id = \"local.1\"\n"
                               "client_secret_file = \"none\""),
                 "[[application]] \"shop\": client_secret_file = \"none\": must be a readable"));
}

TEST_CASE("bitrix24_config: what is no key of an application is refused with those there are") {
  ConfigBench bench;

  CHECK(bench.Refusal(std::string(kShop) + "clientid = \"x\"") ==
        bench.file() +
            ": [[application]] \"shop\": clientid is no configuration key; keys of an "
            "[[application]]: name, client_id, client_secret, client_secret_file");
  CHECK(Contains(bench.Refusal(std::string(kShop) + "\"x.client_id\" = \"x\""),
                 "x.client_id is no configuration key"));
  for (const char* toml : {"[application]\nname = \"shop\"", "application = 1", "application = [1]",
                           "application = \"shop\""}) {
    CAPTURE(std::string(toml));
    CHECK(Contains(bench.Refusal(toml), "application must be tables headed [[application]]"));
  }
  CHECK(Contains(bench.Refusal(std::string(kShop) + "[application.desk]\nclient_id = \"x\""),
                 "[[application]] \"shop\": desk is no configuration key"));
}

TEST_CASE("bitrix24_config: the environment overrides applications, and makes them") {
  ConfigBench bench;
  const std::string path = bench.Write("secret", "from file");

  Config config = bench.Loaded(std::string(kShop) + Application("a-b", "local.2"),
                               {{"IMRELAY_APPLICATION_SHOP_CLIENT_SECRET_FILE", path},
                                {"IMRELAY_APPLICATION_A_B_CLIENT_ID", "local.3"}});
  REQUIRE(config.applications.size() == 3);
  CHECK(Revealed(config.applications.at("shop").client_secret) == "from file");
  CHECK(config.applications.at("shop").client_id == "local.1");
  CHECK(config.applications.at("a-b").client_id == "local.3");

  config = bench.Loaded("", {{"IMRELAY_APPLICATION_SHOP_CLIENT_ID", "local.1"},
                             {"IMRELAY_APPLICATION_SHOP_CLIENT_SECRET", "s1"}});
  REQUIRE(config.applications.size() == 2);
  CHECK(Revealed(config.applications.at("shop").client_secret) == "s1");
}

TEST_CASE("bitrix24_config: a wrong variable of an application is named") {
  ConfigBench bench;
  const auto refusal = [&](const char* variable) {
    return bench.Refusal("", {{variable, "hush"}});
  };

  CHECK(refusal("IMRELAY_APPLICATION_SHOP_CLIENT_SECRET") ==
        "IMRELAY_APPLICATION_SHOP_CLIENT_SECRET: client_id: must be given: the one from the "
        "application's card in Bitrix24");
  CHECK(Contains(refusal("IMRELAY_APPLICATION_SHOP_SECRET"),
                 "IMRELAY_APPLICATION_SHOP_SECRET is no configuration key"));
  CHECK(Contains(refusal("IMRELAY_APPLICATION__CLIENT_ID"), "name = \"\": must be"));
  CHECK(Contains(refusal("IMRELAY_APPLICATION_CLIENT_ID"), "is no configuration key"));
  CHECK(Contains(refusal("IMRELAY_APPLICATION_EVENT_CLIENT_ID"), "name = \"event\": must be"));
  CHECK(Contains(bench.Refusal("", {{"IMRELAY_APPLICATION_SHOP_CLIENT_SECRET", "hush"},
                                    {"IMRELAY_APPLICATION_SHOP_CLIENT_SECRET_FILE", "x"}}),
                 "must be not given together with IMRELAY_APPLICATION_SHOP_CLIENT_SECRET"));
}

TEST_CASE("bitrix24_config: no error about an application shows its secret") {
  ConfigBench bench;
  const std::string refusals[] = {
      bench.Refusal("[[application]]\nname = \"shop\"\nclient_secret = \"hush\""),
      bench.Refusal(std::string(kShop) + Application("shop", "local.2")),
      bench.Refusal(std::string(kShop) + Application("desk", "local.1")),
      bench.Refusal(Application("shop", "local.2") + "client_secret_file = \"x\""),
      bench.Refusal("[[application]]\nname = \"shop\"\nclient_secret = [\"hush\"]"),
      bench.Refusal("", {{"IMRELAY_APPLICATION_SHOP_SECRET", "hush"}}),
  };

  for (const std::string& refusal : refusals) {
    CAPTURE(refusal);
    CHECK_FALSE(Contains(refusal, "hush"));
  }
}

TEST_CASE("bitrix24_config: the public address is https, without a query or a last slash") {
  ConfigBench bench;
  const auto url = [&](const std::string& given) {
    return bench.Loaded(Bitrix24("public_url = \"" + given + '"')).public_url;
  };

  CHECK(url("https://Relay.example.com//") == "https://relay.example.com");
  CHECK(url("https://relay.example.com:8443/b24/") == "https://relay.example.com:8443/b24");
  CHECK(url("").empty());
  for (const char* wrong :
       {"relay.example.com", "ftp://relay.example.com", "https://", "https://a b",
        "https://relay.example.com/?x=1", "https://relay.example.com/#x",
        "https://user@relay.example.com", "http://relay.example.com", "http://127.0.0.1:8080"}) {
    CAPTURE(std::string(wrong));
    CHECK(Contains(bench.Refusal(Bitrix24(std::string("public_url = \"") + wrong + '"')),
                   std::string("bitrix24.public_url = \"") + wrong + "\": must be "));
  }
  CHECK(Contains(
      bench.Refusal(Bitrix24("public_url = \"https://x.example/" + std::string(190, 'y') + '"')),
      "at most 200 characters"));
}

TEST_CASE("bitrix24_config: a public address without TLS is on the loopback, where allowed") {
  ConfigBench bench;
  const std::string allowed = "[security]\nallow_insecure_loopback = true\n";

  for (const char* url : {"http://127.0.0.1:8080", "http://localhost", "http://[::1]:80/x"}) {
    CAPTURE(std::string(url));
    CHECK(bench.Load(allowed + Bitrix24(std::string("public_url = \"") + url + '"')).has_value());
  }
  for (const char* url : {"http://relay.example.com", "http://10.0.0.1", "http://localhost.example",
                          "http://127.0.0.1.example", "http://[::2]"}) {
    CAPTURE(std::string(url));
    CHECK(Contains(bench.Refusal(allowed + Bitrix24(std::string("public_url = \"") + url + '"')),
                   "security.allow_insecure_loopback"));
  }
}

TEST_CASE("bitrix24_config: portals at private addresses are named by their hosts") {
  ConfigBench bench;
  const auto portals = [&](const std::string& toml) {
    return bench.Loaded(Bitrix24("private_portals = " + toml)).private_portals;
  };
  const std::set<std::string> two{"portal.lan", "10.0.0.5"};

  CHECK(portals("[\"Portal.lan\", \"10.0.0.5\"]") == two);
  CHECK(portals("\" portal.lan,10.0.0.5 , \"") == two);
  CHECK(portals("[]").empty());
  CHECK(portals("\"portal.lan:443, portal.lan:8443\"") ==
        std::set<std::string>{"portal.lan", "portal.lan:8443"});
  CHECK(portals("\"[fd00::1]\"") == std::set<std::string>{"[fd00::1]"});
  CHECK(bench.Loaded("", {{"IMRELAY_BITRIX24_PRIVATE_PORTALS", "portal.lan, 10.0.0.5"}})
            .private_portals == two);
  for (const char* wrong : {"https://portal.lan", "portal.lan/", "portal.lan:x", "portal lan",
                            "*.lan", "fd00::1", "me@portal.lan"}) {
    CAPTURE(std::string(wrong));
    CHECK(Contains(bench.Refusal(Bitrix24(std::string("private_portals = [\"") + wrong + "\"]")),
                   "bitrix24.private_portals = \""));
  }
  CHECK(Contains(bench.Refusal(Bitrix24("private_portals = [1]")), "or a list of texts"));
  CHECK(Contains(bench.Refusal(Bitrix24("public_url = [\"x\"]")), "must be a text"));
}

TEST_CASE("bitrix24_config: the rate of calls has bounds, and may be a fraction") {
  ConfigBench bench;

  CHECK(bench.Loaded(Bitrix24("calls_per_second = 2.5")).calls_per_second == 2.5);
  CHECK(bench.Loaded("", {{"IMRELAY_BITRIX24_CALLS_PER_SECOND", "0.5"}}).calls_per_second == 0.5);
  for (const char* wrong : {"0", "-1", "nan", "inf", "100000", "\"2x\"", "\"\""}) {
    CAPTURE(std::string(wrong));
    CHECK(Contains(bench.Refusal(Bitrix24(std::string("calls_per_second = ") + wrong)),
                   "must be a number from 0.1 to 10000"));
  }
  CHECK(Contains(bench.Refusal(Bitrix24("call_burst = 0")),
                 "bitrix24.call_burst = \"0\": must be a whole number from 1 to 1000000"));
}

TEST_CASE("bitrix24_config: the connector's id is one that Bitrix24 keeps as it is") {
  ConfigBench bench;

  CHECK(bench.Loaded(Connector("id = \"my_channel-2\"")).connector_id == "my_channel-2");
  for (const char* wrong :
       {"", "My", "a.b", "a b", "é", "a23456789012345678901234567890123456789012345678901"}) {
    CAPTURE(std::string(wrong));
    CHECK(Contains(bench.Refusal(Connector(std::string("id = \"") + wrong + '"')),
                   std::string("connector.id = \"") + wrong + "\": must be 1 to 50 of a-z"));
  }
  CHECK(Contains(bench.Refusal(Connector("name = \"\"")), "connector.name = \"\": must be a name"));
}

TEST_CASE("bitrix24_config: the icon is a picture's file or its data") {
  ConfigBench bench;
  const std::string svg = "<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"/>";
  const std::string png = "\x89PNG\r\n\x1a\nrest";
  bench.Write("icon.svg", svg);
  bench.Write("icon.png", png);
  bench.Write("large.svg", "<svg>" + std::string(64 << 10, ' '));
  bench.Write("icon.txt", "hello");
  const auto icon = [&](const std::string& given) {
    return bench.Loaded(Connector("icon = \"" + given + '"')).connector_icon;
  };

  CHECK(icon("icon.svg") == "data:image/svg+xml;base64," + Base64(svg));
  CHECK(icon("icon.png") == "data:image/png;base64," + Base64(png));
  CHECK(icon("data:image/svg+xml;charset=US-ASCII,%3Csvg%3E") ==
        "data:image/svg+xml;charset=US-ASCII,%3Csvg%3E");
  CHECK(icon("").empty());
  for (const char* wrong : {"none.svg", "large.svg", "icon.txt", ".", "data:text/html,x",
                            "data:image/png", "data:image/svg+xml,<svg>", "data:image/png,x')"}) {
    CAPTURE(std::string(wrong));
    CHECK(Contains(bench.Refusal(Connector(std::string("icon = \"") + wrong + '"')),
                   std::string("connector.icon = \"") + wrong + "\": must be "));
  }
}

}  // namespace
}  // namespace imrelay
