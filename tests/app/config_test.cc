#include "app/config.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <functional>

#include "bitrix24/authorization_server.h"
#include "tests/app/config_bench.h"

namespace imrelay {
namespace {

constexpr const char* kSigningSecret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
constexpr const char* kTomlSecret = "\"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\"";

const ConfiguredChannel& Unnamed(const Config& config) { return config.channels.at(""); }

// One key, a value of it as TOML and as text, and what it sets.
struct Case {
  const char* section;
  const char* key;
  const char* toml;
  const char* text;
  std::function<std::string(const Config&)> get;
};

const std::vector<Case>& Cases() {
  static const std::vector<Case> kCases = {
      {"database", "url", "\"sqlite:/x/y.db\"", "sqlite:/x/y.db",
       [](const Config& c) { return "sqlite:" + c.database_path; }},
      {"worker", "threads", "7", "7",
       [](const Config& c) { return std::to_string(c.worker_threads); }},
      {"bitrix24", "client_id", "\"app.1\"", "app.1",
       [](const Config& c) { return c.applications.at("").client_id; }},
      {"bitrix24", "client_secret", "\"s1\"", "s1",
       [](const Config& c) { return Revealed(c.applications.at("").client_secret); }},
      {"bitrix24", "oauth_url", "\"https://auth.example\"", "https://auth.example",
       [](const Config& c) { return c.authorization_servers.at(0); }},
      {"bitrix24", "public_url", "\"https://we.example\"", "https://we.example",
       [](const Config& c) { return c.public_url; }},
      {"bitrix24", "private_portals", "\"b.lan\"", "b.lan",
       [](const Config& c) { return *c.private_portals.begin(); }},
      {"bitrix24", "calls_per_second", "5", "5",
       [](const Config& c) { return std::to_string(static_cast<int>(c.calls_per_second)); }},
      {"bitrix24", "call_burst", "250", "250",
       [](const Config& c) { return std::to_string(c.call_burst); }},
      {"connector", "id", "\"conn\"", "conn", [](const Config& c) { return c.connector_id; }},
      {"connector", "name", "\"Our Channel\"", "Our Channel",
       [](const Config& c) { return c.connector_name; }},
      {"connector", "icon", "\"data:image/png;base64,AA==\"",
       "data:image/png;base64,AA==", [](const Config& c) { return c.connector_icon; }},
      {"channel", "type", "\"telegram\"", "telegram",
       [](const Config& c) {
         return std::string(Unnamed(c).type == ConfiguredChannel::Type::kTelegram ? "telegram"
                                                                                  : "");
       }},
      {"channel", "url", "\"http://127.0.0.1:9\"", "http://127.0.0.1:9",
       [](const Config& c) { return Unnamed(c).url; }},
      {"channel", "secret", kTomlSecret, kSigningSecret,
       [](const Config& c) { return Revealed(Unnamed(c).secret); }},
      {"channel", "secret_previous", kTomlSecret, kSigningSecret,
       [](const Config& c) { return Revealed(Unnamed(c).secret_previous); }},
      {"channel", "key", "\"0123456789abcdef\"", "0123456789abcdef",
       [](const Config& c) { return Revealed(Unnamed(c).key); }},
      {"channel", "token", "\"12345:AbC-_9\"", "12345:AbC-_9",
       [](const Config& c) { return Revealed(Unnamed(c).token); }},
      {"channel", "max_delete_age", "\"48h\"", "48h",
       [](const Config& c) {
         return std::to_string(Unnamed(c).max_delete_age->count() / 3600) + 'h';
       }},
      {"channel", "delete_fallback", "\"edit\"", "edit",
       [](const Config& c) { return std::string(Unnamed(c).edit_instead ? "edit" : ""); }},
      {"channel", "delete_incoming", "true", "true",
       [](const Config& c) { return std::string(Unnamed(c).delete_incoming ? "true" : "false"); }},
      {"channel", "tell_operator", "false", "false",
       [](const Config& c) { return std::string(Unnamed(c).tell_operator ? "true" : "false"); }},
      {"security", "key_file", "\"/x/key\"", "/x/key", [](const Config& c) { return c.key_file; }},
      {"security", "allow_insecure_loopback", "true", "true",
       [](const Config& c) { return std::string(c.allow_insecure_loopback ? "true" : "false"); }},
      {"spool", "directory", "\"/x/spool\"", "/x/spool",
       [](const Config& c) { return c.spool_directory; }},
  };
  return kCases;
}

std::string VariableOf(const Case& one) {
  std::string name = std::string("IMRELAY_") + one.section + '_' + one.key;
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

TEST_CASE("config: without anything there are defaults") {
  ConfigBench bench;

  const Config config = bench.Loaded("");

  CHECK(config.database_path == "/var/lib/imrelay/imrelay.db");
  CHECK(config.worker_threads == 8);
  REQUIRE(config.applications.size() == 1);
  CHECK(config.applications.at("").client_id.empty());
  CHECK(config.applications.at("").client_secret.value.empty());
  CHECK(config.public_url.empty());
  CHECK(config.private_portals.empty());
  CHECK(config.calls_per_second == 2);
  CHECK(config.call_burst == 50);
  CHECK(config.connector_id == "imrelay");
  CHECK(config.connector_name == "imrelay");
  CHECK(config.connector_icon.empty());
  REQUIRE(config.authorization_servers.size() == std::size(kOfficialAuthorizationServers));
  CHECK(config.authorization_servers[0] == kOfficialAuthorizationServers[0]);
  REQUIRE(config.channels.size() == 1);
  CHECK(Unnamed(config).type == ConfiguredChannel::Type::kWebhook);
  CHECK_FALSE(Unnamed(config).is_configured());
  CHECK(config.key_file == "/var/lib/imrelay/imrelay.key");
  CHECK(config.spool_directory == "/var/lib/imrelay/spool");
  CHECK_FALSE(config.allow_insecure_loopback);
  CHECK_FALSE(Unnamed(config).delete_incoming);
  CHECK(Unnamed(config).tell_operator);
}

TEST_CASE("config: every key is read from the file") {
  ConfigBench bench;
  for (const Case& one : Cases()) {
    CAPTURE(std::string(one.key));
    const std::string toml =
        std::string("[") + one.section + "]\n" + one.key + " = " + one.toml + '\n';

    CHECK(one.get(bench.Loaded(toml)) == one.text);
  }
}

TEST_CASE("config: every key is read from the environment, which wins over the file") {
  ConfigBench bench;
  for (const Case& one : Cases()) {
    CAPTURE(VariableOf(one));

    CHECK(one.get(bench.Loaded("", {{VariableOf(one), one.text}})) == one.text);
  }
  CHECK(bench.Loaded("[worker]\nthreads = 3", {{"IMRELAY_WORKER_THREADS", "5"}}).worker_threads ==
        5);
  CHECK(LoadConfig("", {{"IMRELAY_DATABASE_URL", "sqlite:/x/y.db"}})->database_path == "/x/y.db");
}

TEST_CASE("config: paths count from the file they stand in, or from where we are") {
  ConfigBench bench;

  Config config = bench.Loaded(
      "[database]\nurl = \"sqlite:data/x.db\"\n[security]\nkey_file = \"../k\"\n"
      "[spool]\ndirectory = \"s\"\n");
  CHECK(config.database_path == bench.folder() + "/data/x.db");
  CHECK(config.key_file == std::filesystem::path(bench.folder()).parent_path().string() + "/k");
  CHECK(config.spool_directory == bench.folder() + "/s");

  config = bench.Loaded("[database]\nurl = \"sqlite:data/x.db\"");
  CHECK(config.key_file == bench.folder() + "/data/imrelay.key");
  CHECK(config.spool_directory == bench.folder() + "/data/spool");

  config = bench.Loaded("", {{"IMRELAY_DATABASE_URL", "sqlite:x.db"}});
  CHECK(config.database_path == "x.db");
  CHECK(config.key_file == "imrelay.key");
}

TEST_CASE("config: what is no key is refused by name, with the keys there are") {
  ConfigBench bench;

  CHECK(bench.Refusal("[database]\nurl_ = \"x\"") ==
        bench.file() +
            ": database.url_ is no configuration key; keys of this section: database.url, "
            "database.keep_days");
  CHECK(Contains(bench.Refusal("[databse]\nurl = \"x\""), "databse.url is no configuration key"));
  CHECK(Contains(bench.Refusal("[databse]\nurl = \"x\""), "sections: database, worker"));
  CHECK(Contains(bench.Refusal("url = \"x\""), "url stands outside a [section]"));
  CHECK(Contains(bench.Refusal("[worker]\nthreads_file = \"x\""), "no configuration key"));
  CHECK(bench.Refusal("", {{"IMRELAY_DATABASE_URLS", "x"}}) ==
        "IMRELAY_DATABASE_URLS is no configuration key; keys of this section: database.url, "
        "database.keep_days");
  CHECK(Contains(bench.Refusal("", {{"IMRELAY_CHANNEL_SECRETS", "hush"}}),
                 "channel.secret_previous"));
}

TEST_CASE("config: how long events are kept") {
  ConfigBench bench;

  CHECK(bench.Loaded("").keep_days == std::chrono::days(90));
  CHECK(bench.Loaded("[database]\nkeep_days = 365").keep_days == std::chrono::days(365));
  CHECK(bench.Loaded("", {{"IMRELAY_DATABASE_KEEP_DAYS", "0"}}).keep_days == std::chrono::days(0));
  for (const char* wrong : {"6", "-1", "36501", "\"ever\""}) {
    CAPTURE(wrong);
    CHECK(Contains(bench.Refusal(std::string("[database]\nkeep_days = ") + wrong),
                   "must be a whole number from 7 to 36500, or 0: for ever"));
  }
}

TEST_CASE("config: the scripts' own variables and those of others are left alone") {
  ConfigBench bench;

  const Config config = bench.Loaded("", {{"IMRELAY_STATE", "/x"},
                                          {"IMRELAY_PORT", "8080"},
                                          {"IMRELAY_TEST_PG", "x"},
                                          {"DATABASE_URL", "sqlite:/other.db"},
                                          {"imrelay_database_url", "sqlite:/other.db"}});

  CHECK(config.database_path == "/var/lib/imrelay/imrelay.db");
}

TEST_CASE("config: a wrong value is refused with the key, the value and what would be right") {
  ConfigBench bench;

  CHECK(bench.Refusal("[worker]\nthreads = 0") ==
        bench.file() + ": worker.threads = \"0\": must be a whole number from 1 to 1024");
  CHECK(bench.Refusal("", {{"IMRELAY_WORKER_THREADS", "many"}}) ==
        "IMRELAY_WORKER_THREADS = \"many\": must be a whole number from 1 to 1024");
  CHECK(Contains(bench.Refusal("", {{"IMRELAY_WORKER_THREADS", "8 "}}), "must be a whole number"));
  CHECK(Contains(bench.Refusal("", {{"IMRELAY_WORKER_THREADS", "99999999999"}}),
                 "must be a whole number"));
  CHECK(Contains(bench.Refusal("[worker]\nthreads = 1.5"),
                 "worker.threads = \"1.5\": must be a whole number"));
  CHECK(Contains(bench.Refusal("[worker]\nthreads = [1]"), "worker.threads must be"));
  CHECK(Contains(bench.Refusal("[channel]\ndelete_incoming = \"maybe\""),
                 "channel.delete_incoming = \"maybe\": must be true or false"));
  CHECK(Contains(bench.Refusal("[security]\nallow_insecure_loopback = \"yes\""),
                 "must be true or false"));
  CHECK(Contains(bench.Refusal("[channel]\ntype = \"sms\""),
                 "channel.type = \"sms\": must be webhook or telegram"));
}

TEST_CASE("config: a database is sqlite and has a path") {
  ConfigBench bench;
  for (const char* url :
       {"", "sqlite:", "sqlite://x/y.db", "sqlite::memory:", "/x/y.db", "mysql://x", "SQLITE:/x"}) {
    CAPTURE(std::string(url));
    const std::string refusal = bench.Refusal("", {{"IMRELAY_DATABASE_URL", url}});
    CHECK(Contains(refusal, std::string("IMRELAY_DATABASE_URL = \"") + url + '"'));
    CHECK(Contains(refusal, "must be sqlite:PATH"));
  }
  CHECK(Contains(bench.Refusal("", {{"IMRELAY_DATABASE_URL", "postgresql://x"}}), "postgresql"));
}

TEST_CASE("config: the client secret goes to https, or to the loopback when that is allowed") {
  ConfigBench bench;
  const auto servers = [&](const std::string& url, const std::string& allowed) {
    return bench
        .Loaded("", {{"IMRELAY_BITRIX24_OAUTH_URL", url},
                     {"IMRELAY_SECURITY_ALLOW_INSECURE_LOOPBACK", allowed}})
        .authorization_servers;
  };

  CHECK(servers("https://auth.example//", "false") ==
        std::vector<std::string>{"https://auth.example"});
  CHECK(servers("http://127.0.0.1:9000/", "true") ==
        std::vector<std::string>{"http://127.0.0.1:9000"});
  CHECK(servers("", "false").size() == std::size(kOfficialAuthorizationServers));
  CHECK(Contains(bench.Refusal("[bitrix24]\noauth_url = \"http://127.0.0.1:9000\""),
                 "security.allow_insecure_loopback = true"));
  CHECK(Contains(bench.Refusal("[bitrix24]\noauth_url = \"auth.example\""), "https://"));
  CHECK(Contains(bench.Refusal("[bitrix24]\noauth_url = \"ftp://x\"\n"
                               "[security]\nallow_insecure_loopback = true"),
                 "https://"));
}

TEST_CASE("config: a secret may stand in a file of its own") {
  ConfigBench bench;
  const std::string path = bench.Write("secret", "from file\r\n\n");
  const std::string toml = "[bitrix24]\nclient_secret_file = \"secret\"\n";

  CHECK(Revealed(bench.Loaded(toml).applications.at("").client_secret) == "from file");
  CHECK(bench.Loaded(toml).applications.at("").client_secret.key == "bitrix24.client_secret");
  const std::string key = bench.Write("key", "0123456789abcdef\n");
  CHECK(Revealed(Unnamed(bench.Loaded("", {{"IMRELAY_CHANNEL_KEY_FILE", key}})).key) ==
        "0123456789abcdef");
  // The environment wins, in whichever way it gives the secret.
  CHECK(Revealed(bench.Loaded(toml, {{"IMRELAY_BITRIX24_CLIENT_SECRET", "direct"}})
                     .applications.at("")
                     .client_secret) == "direct");
  CHECK(Revealed(bench
                     .Loaded("[bitrix24]\nclient_secret = \"direct\"",
                             {{"IMRELAY_BITRIX24_CLIENT_SECRET_FILE", path}})
                     .applications.at("")
                     .client_secret) == "from file");
}

TEST_CASE("config: a secret's file must be there and hold a secret") {
  ConfigBench bench;
  const auto refusal = [&](const std::string& name) {
    return bench.Refusal("[channel]\nsecret_file = \"" + name + '"');
  };
  bench.Write("empty", "");
  bench.Write("blank", "\n\n");
  bench.Write("long", std::string(5000, 'x'));

  for (const char* name : {"none", "empty", "blank", "long", "."}) {
    CAPTURE(std::string(name));
    CHECK(Contains(refusal(name),
                   std::string("channel.secret_file = \"") + name + "\": must be a readable file"));
  }
  bench.Write("secret", "hush");
  CHECK(Contains(bench.Refusal("[channel]\nsecret = \"hush\"\nsecret_file = \"secret\""),
                 "channel.secret_file"));
}

TEST_CASE("config: no error shows a secret") {
  ConfigBench bench;
  const std::string refusals[] = {
      bench.Refusal("[channel]\nsecret = \"hush\"\nsecret_file = \"x\""),
      bench.Refusal("[channel]\nsecret = \"hush"),
      bench.Refusal("[channel]\nsecret = [\"hush\"]"),
      bench.Refusal("", {{"IMRELAY_CHANNEL_SECRETS", "hush"}}),
  };

  for (const std::string& refusal : refusals) {
    CAPTURE(refusal);
    CHECK_FALSE(Contains(refusal, "hush"));
  }
}

TEST_CASE("config: both ways to give one secret in the environment are a mistake") {
  ConfigBench bench;
  const std::string path = bench.Write("secret", "from file");

  CHECK(Contains(bench.Refusal("", {{"IMRELAY_CHANNEL_SECRET", "hush"},
                                    {"IMRELAY_CHANNEL_SECRET_FILE", path}}),
                 "IMRELAY_CHANNEL_SECRET_FILE"));
}

TEST_CASE("config: a file that is not there or is no TOML is named") {
  ConfigBench bench;

  const Result<Config> missing = LoadConfig(bench.directory.File("none.toml"), {});
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().code == ErrorCode::kInvalidArgument);
  CHECK(Contains(missing.error().message, "none.toml: cannot be read"));
  const Result<Config> folder = LoadConfig(bench.folder(), {});
  REQUIRE_FALSE(folder.has_value());
  CHECK(Contains(folder.error().message, bench.folder() + ": cannot be read"));
  CHECK(Contains(bench.Refusal("[worker]\nthreads = \n"), bench.file() + ":2: this is no TOML"));
}

TEST_CASE("config: the spooler finds its directory whatever else is wrong") {
  ConfigBench bench;
  const auto directory = [&](const std::string& toml, const Environment& environment = {}) {
    bench.Write("imrelay.toml", toml);
    return LoadSpoolDirectory(bench.file(), environment);
  };
  const std::string wrong =
      "[bitrix24]\npublic_url = \"nonsense\"\nclient_secret_file = \"gone\"\n";
  CHECK_FALSE(bench.Load(wrong).has_value());

  CHECK(directory(wrong).value() == "/var/lib/imrelay/spool");
  CHECK(directory(wrong + "[database]\nurl = \"sqlite:x/y.db\"").value() ==
        bench.folder() + "/x/spool");
  CHECK(directory(wrong + "[spool]\ndirectory = \"s\"").value() == bench.folder() + "/s");
  CHECK(directory("[database]\nurl = \"nonsense\"", {{"IMRELAY_SPOOL_DIRECTORY", "/s"}}).value() ==
        "/s");
  CHECK_FALSE(directory("[database]\nurl = \"nonsense\"").has_value());
  CHECK_FALSE(directory("no TOML").has_value());
}

TEST_CASE("config: an empty spool.directory is the default, for the spooler as for the worker") {
  ConfigBench bench;
  const std::string database = "[database]\nurl = \"sqlite:x/y.db\"\n";
  struct {
    std::string toml;
    Environment environment;
  } const cases[] = {
      {database + "[spool]\ndirectory = \"\"\n", {}},
      {database, {{"IMRELAY_SPOOL_DIRECTORY", ""}}},
      {database + "[spool]\ndirectory = \"s\"\n", {{"IMRELAY_SPOOL_DIRECTORY", ""}}},
  };
  for (const auto& one : cases) {
    CAPTURE(one.toml);
    const std::string otherwise = bench.folder() + "/x/spool";
    CHECK(bench.Loaded(one.toml, one.environment).spool_directory == otherwise);
    CHECK(LoadSpoolDirectory(bench.file(), one.environment).value() == otherwise);
  }
}

}  // namespace
}  // namespace imrelay
