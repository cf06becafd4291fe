#include "codec/page_opening.h"

#include <doctest/doctest.h>

#include <string>

#include "codec/form.h"

namespace imrelay {
namespace {

constexpr const char* kQuery = "DOMAIN=some.bitrix24.com&PROTOCOL=1&LANG=ru&APP_SID=71d2";
const std::string kBody =
    "AUTH_ID=acc&AUTH_EXPIRES=3600&REFRESH_ID=ref&member_id=bac1&status=L&PLACEMENT=DEFAULT";

Tree Parsed(const std::string& body) { return ParseForm(body).value(); }

PostedOpening Opened(const std::string& more, const std::string& query = kQuery) {
  return DecodeOpening(query, Parsed(kBody + more)).value();
}

TEST_CASE("page opening: has what the browser posted in the query and in the body") {
  const PostedOpening opening = Opened(
      "&SERVER_ENDPOINT=https%3A%2F%2Foauth.bitrix.info%2Frest%2F&APPLICATION_TOKEN=tok"
      "&PLACEMENT_OPTIONS=%7B%22CONNECTOR%22%3A%22MyConnector%22%2C%22LINE%22%3A%22107%22"
      "%2C%22ACTIVE_STATUS%22%3Afalse%7D");

  CHECK(opening.member_id.value() == "bac1");
  CHECK(opening.access_token.Reveal() == "acc");
  CHECK(opening.refresh_token.Reveal() == "ref");
  CHECK(opening.application_token.Reveal() == "tok");
  CHECK(opening.server_endpoint == "https://oauth.bitrix.info/rest/");
  CHECK(opening.connector.value() == "myconnector");
  CHECK(opening.line.value() == 107);
  CHECK(opening.language == "ru");
}

TEST_CASE("page opening: everything but the portal and the access token may be missing") {
  const Result<PostedOpening> opening = DecodeOpening("", Parsed("AUTH_ID=a&member_id=b"));

  REQUIRE(opening);
  CHECK(opening->refresh_token.empty());
  CHECK(opening->application_token.empty());
  CHECK(opening->server_endpoint.empty());
  CHECK(opening->connector.value().empty());
  CHECK(opening->line.value() == 0);
  CHECK(opening->language.empty());
}

TEST_CASE("page opening: without a portal or an access token it is none") {
  const std::string long_token(5000, 'x');
  for (const std::string& body :
       {std::string(), std::string("AUTH_ID=a"), std::string("member_id=b"),
        std::string("AUTH_ID=&member_id=b"), std::string("AUTH_ID[]=a&member_id=b"),
        std::string("AUTH_ID=a&member_id[]=b"), std::string("AUTH_ID=a%0D%0Ab&member_id=b"),
        std::string("AUTH_ID=a&member_id=b%00"), "AUTH_ID=" + long_token + "&member_id=b",
        "AUTH_ID=a&member_id=" + long_token}) {
    CAPTURE(body);
    const Result<PostedOpening> opening = DecodeOpening(kQuery, Parsed(body));

    REQUIRE_FALSE(opening);
    CHECK(opening.error().reason == "bad_opening");
  }
}

TEST_CASE("page opening: placement options that cannot be read are none") {
  for (const char* options :
       {"undefined", "", "null", "%5B%5D", "%7B", "107", "%7B%22LINE%22%3A%22-1%22%7D",
        "%7B%22LINE%22%3A%7B%7D%7D", "%7B%22LINE%22%3A99999999999999999999%7D",
        "%7B%22LINE%22%3A%221%27--%22%2C%22CONNECTOR%22%3A%22a%20b%22%7D"}) {
    CAPTURE(options);
    const PostedOpening opening = Opened(std::string("&PLACEMENT_OPTIONS=") + options);

    CHECK(opening.connector.value().empty());
    CHECK(opening.line.value() == 0);
  }
}

TEST_CASE("page opening: placement options may come as nested keys, the line as a number") {
  CHECK(Opened("&PLACEMENT_OPTIONS[LINE]=7&PLACEMENT_OPTIONS[CONNECTOR]=c").line.value() == 7);
  CHECK(Opened("&PLACEMENT_OPTIONS=%7B%22LINE%22%3A7%7D").line.value() == 7);
}

TEST_CASE("page opening: the language of the body wins, and a hostile query says nothing") {
  CHECK(Opened("&LANG=DE").language == "de");
  CHECK(Opened("", "LANG=" + std::string(300, 'r')).language.empty());
  CHECK(Opened("", "LANG=%22%3E%3Cscript%3E").language.empty());
  CHECK(Opened("", std::string(100, '[') + "a[b][c][d]=1").language.empty());
}

TEST_CASE("page action: is told from an opening") {
  CHECK(IsPageAction(Parsed("page_token=x&action=connect")));
  CHECK_FALSE(IsPageAction(Parsed(kBody)));
}

TEST_CASE("page action: has its token, its word and where a test began") {
  const PostedAction posted =
      DecodeAction("LANG=ru", Parsed("page_token=v1.x&action=test-result&after=12"));

  CHECK(posted.page_token == "v1.x");
  CHECK(posted.action == "test-result");
  CHECK(posted.after == 12);
  CHECK(posted.language == "ru");
  const PostedAction hostile = DecodeAction("", Parsed("page_token[]=x&action=%00&after=-3"));
  CHECK(hostile.page_token.empty());
  CHECK(hostile.action.empty());
  CHECK(hostile.after == 0);
}

}  // namespace
}  // namespace imrelay
