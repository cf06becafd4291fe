#include "channel/kept_answer.h"

#include <doctest/doctest.h>

#include <string>

#include "base/utf8.h"
#include "domain/delivery.h"

namespace imrelay {
namespace {

TEST_CASE("kept answer: is one line of valid UTF-8") {
  CHECK(KeptAnswer("<h1>\r\n\tBad  gateway\n</h1>\n", {}) == "<h1> Bad gateway </h1>");
  CHECK(KeptAnswer(std::string("a\0b\x7f\xff", 5), {}) == "a b \xEF\xBF\xBD");
  CHECK(KeptAnswer("", {}) == "");
  CHECK(KeptAnswer(" \n ", {}) == "");
}

TEST_CASE("kept answer: JSON is shown as its keys and texts") {
  CHECK(KeptAnswer(R"({"error":"no_chat","detail":{"message":"it is\nclosed"},"n":[1,2]})", {}) ==
        "error: no_chat; message: it is closed; 0: 1; 1: 2");
}

TEST_CASE("kept answer: what could be a secret is not kept") {
  CHECK(KeptAnswer("token abcdefghij0123456789 is wrong", {}) == "token … is wrong");
  CHECK(KeptAnswer("token abcdefghij012345678 is wrong", {}) ==
        "token abcdefghij012345678 is wrong");
  CHECK(KeptAnswer("https://u.example/?key=AbCdEfGh_iJkLmNoP-qRsTuV", {}) ==
        "https://u.example/?key=…");
}

TEST_CASE("kept answer: is cut between two characters") {
  for (std::size_t shift = 0; shift < 4; ++shift) {
    std::string text(shift, 'a');
    while (text.size() < 1000) text += "ж ";
    const std::string kept = KeptAnswer(text, {});
    CHECK(kept.size() <= kMaxKeptAnswer);
    CHECK(kept.size() > kMaxKeptAnswer - 8);
    CHECK(kept.ends_with("…"));
    CHECK(IsValidUtf8(kept));
  }
}

TEST_CASE("kept answer: one that repeats the message is dropped, in whatever form") {
  const std::string text = "Ihre IBAN\nist DE02 1203 0000 0000 2020 51";
  for (const std::string& body :
       {std::string("cannot send: Ihre IBAN ist DE02 1203 0000 0000 2020 51"),
        std::string("cannot send: Ihre   IBAN\r\nist DE02 1203"),
        std::string(R"({"error":"x","text":"Ihre IBAN\nist DE02 1203 0000 0000 2020 51"})"),
        std::string(R"({"text":"\u0049hre \u0049BAN\u000aist DE02 1203 0000"})"),
        std::string(R"(["\u0049hre IBAN"])")}) {
    CAPTURE(body);
    CHECK(KeptAnswer(body, {text}) == "");
  }
  CHECK(KeptAnswer("no such chat", {text, ""}) == "no such chat");
  CHECK(KeptAnswer("you said: ja", {"ja"}) == "");
}

}  // namespace
}  // namespace imrelay
