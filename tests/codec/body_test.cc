#include "codec/body.h"

#include <doctest/doctest.h>

#include <string>

namespace imrelay {
namespace {

std::string Form(std::string_view body) { return WithoutTokens(BodyFormat::kForm, body); }
std::string Json(std::string_view body) { return WithoutTokens(BodyFormat::kJson, body); }

TEST_CASE("body: knows its format by the content type, parameters and case aside") {
  CHECK(FormatOf("application/x-www-form-urlencoded") == BodyFormat::kForm);
  CHECK(FormatOf("Application/X-WWW-Form-Urlencoded; charset=UTF-8") == BodyFormat::kForm);
  CHECK(FormatOf(" application/json ;x") == BodyFormat::kJson);
  for (const char* other : {"", ";", "text/plain", "application/jsonp", "application/json2;",
                            "multipart/form-data; boundary=application/json"}) {
    CAPTURE(other);
    CHECK_FALSE(FormatOf(other));
  }
}

TEST_CASE("body: is read in the format named") {
  const Result<Tree> form = ParseBody(BodyFormat::kForm, "a=1");
  const Result<Tree> json = ParseBody(BodyFormat::kJson, R"({"a":1})");
  const Result<Tree> wrong = ParseBody(BodyFormat::kJson, "a=1");

  REQUIRE(form);
  CHECK(*form->FindText("a") == "1");
  REQUIRE(json);
  CHECK(*json->FindText("a") == "1");
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().reason == "bad_json");
}

TEST_CASE("without tokens: a form loses every pair named like a secret and keeps the rest as is") {
  CHECK(Form("event=x&auth[access_token]=s&auth%5bdomain%5D=d+%20&&ts=1&auth[REFRESH_TOKEN]=s") ==
        "event=x&auth%5bdomain%5D=d+%20&&ts=1");
  CHECK(Form("AUTH_ID=s&AUTH_EXPIRES=1&REFRESH_ID=s&APP_SID=s&client_secret=s&Password=s&token") ==
        "AUTH_EXPIRES=1");
  CHECK(Form("application_token=s") == "");
  CHECK(Form("") == "");
  CHECK(Form("&a=1&") == "&a=1&");
}

TEST_CASE("without tokens: a name cannot hide behind its spelling") {
  for (const char* hidden :
       {"%61ccess_token=s", "auth%5Baccess%5Ftoken%5D=s", "Access_TOKEN=s", "app.sid=s",
        "app+sid=s", "auth%2Eid=s", "auth[id=s", "a[b][x_tok%65n]=s", "+refresh.id=s",
        "x%00token=s", "a[%00]token=s"}) {
    CAPTURE(hidden);
    CHECK(Form("a=1&" + std::string(hidden) + "&b=2") == "a=1&b=2");
  }
}

TEST_CASE("without tokens: a form ends at a raw NUL, as it does where it is read") {
  CHECK(Form(std::string_view("a=1&x\0token=s&b=2", 17)) == "a=1&x");
  CHECK(Form(std::string_view("a=1&token=s\0s&b=2", 17)) == "a=1");
  CHECK(Form(std::string_view("\0a=1", 4)) == "");
}

TEST_CASE("without tokens: values stay, whatever they say") {
  const std::string body = "data[text]=my+access_token%3Dx&data[id]=secret&auth[id]=5";

  CHECK(Form(body) == body);
}

TEST_CASE("without tokens: JSON loses such members at any depth and keeps the rest") {
  CHECK(Json(R"({"a":1.50,"auth":{"access_token":"s","x":[{"SECRET":{"y":[1,{"z":2}]},"k":null}],)"
             R"("t":true},"b":"token","\u0061pp_sid":[1],"n":-12e3,"e":{},"l":[]})") ==
        R"({"a":1.50,"auth":{"x":[{"k":null}],"t":true},"b":"token","n":-12e3,"e":{},"l":[]})");
  CHECK(Json(R"({"token":1})") == "{}");
  CHECK(Json("{\"a\":\"\xff/\xC3\xA9\"}") == "{\"a\":\"\xff/\xC3\xA9\"}");
}

TEST_CASE("without tokens: JSON that cannot be read comes back empty") {
  for (const char* body : {"", "[1]", "x", "{\"a\":1", "{\"a\":1} {", "\"a\"", "1"}) {
    CAPTURE(body);
    CHECK(Json(body) == "");
  }
}

TEST_CASE("without tokens: the format of what is kept can be told") {
  const std::string form = Form(R"({"a":"&event=ONAPPTEST&x="})");
  const std::string json = Json(" \n{\"a\":1}");

  CHECK(FormatOfJournalled(form) == BodyFormat::kForm);
  CHECK(ParseBody(BodyFormat::kForm, form)->FindText("event") != nullptr);
  CHECK(FormatOfJournalled(json) == BodyFormat::kJson);
  CHECK(FormatOfJournalled(Form("token=1&{a=1")) == BodyFormat::kForm);
  CHECK(FormatOfJournalled("") == BodyFormat::kForm);
}

}  // namespace
}  // namespace imrelay
