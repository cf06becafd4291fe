#include "spool/record.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace imrelay {
namespace {

SpooledRequest RequestOf(const std::string& body) {
  return {TimePoint(std::chrono::milliseconds(1'790'000'000'123)), "/bitrix24/event",
          "application/x-www-form-urlencoded", "192.0.2.1", body};
}

// "body|body|<12 damaged>": everything that stands in a file.
std::string Found(std::string_view file) {
  std::string found;
  while (true) {
    const SpoolPiece piece = ReadSpool(file);
    if (piece.kind == SpoolPiece::Kind::kEnd) return found;
    REQUIRE(piece.bytes > 0);
    REQUIRE(piece.bytes <= file.size());
    if (!found.empty()) found += '|';
    found += piece.kind == SpoolPiece::Kind::kRequest
                 ? piece.request.body
                 : "<" + std::to_string(piece.bytes) + " damaged>";
    file.remove_prefix(piece.bytes);
  }
}

TEST_CASE("record: what was written is read, whatever bytes it has") {
  SpooledRequest request = RequestOf(std::string("a\0b\n\n\xFF", 6));
  const std::string record = SpoolRecord(request);

  const SpoolPiece piece = ReadSpool(record);

  REQUIRE(piece.kind == SpoolPiece::Kind::kRequest);
  CHECK(piece.bytes == record.size());
  CHECK(piece.request.received_at == request.received_at);
  CHECK(piece.request.path == request.path);
  CHECK(piece.request.content_type == request.content_type);
  CHECK(piece.request.remote_address == request.remote_address);
  CHECK(piece.request.body == request.body);
  CHECK(Found("") == "");
  CHECK(Found(record + SpoolRecord(RequestOf("")) + record.substr(0, record.size() - 1)) ==
        request.body + "||" + request.body);
}

TEST_CASE("record: a line break in a header is none in the record, and long ones are cut") {
  SpooledRequest request = RequestOf("b");
  request.content_type = "a\nremote evil\n\nx";
  request.path = std::string(5000, 'p');

  const SpoolPiece piece = ReadSpool(SpoolRecord(request));

  REQUIRE(piece.kind == SpoolPiece::Kind::kRequest);
  CHECK(piece.request.content_type == "a?remote evil??x");
  CHECK(piece.request.path == std::string(1024, 'p'));
  CHECK(piece.request.body == "b");
}

TEST_CASE("record: a torn tail costs the last record alone, wherever it is torn") {
  const std::string first = SpoolRecord(RequestOf("first"));
  const std::string last = SpoolRecord(RequestOf("last"));
  // Without its final line break it is whole.
  for (std::size_t kept = 1; kept + 1 < last.size(); ++kept) {
    CAPTURE(kept);
    CHECK(Found(first + last.substr(0, kept)) == "first|<" + std::to_string(kept) + " damaged>");
  }
}

TEST_CASE("record: a flipped byte costs the record it stands in alone") {
  const std::string record = SpoolRecord(RequestOf("second"));
  const std::string before = SpoolRecord(RequestOf("first"));
  const std::string after = SpoolRecord(RequestOf("third"));
  const std::string size = std::to_string(record.size());
  for (std::size_t at = 0; at < record.size(); ++at) {
    CAPTURE(at);
    std::string flipped = record;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    const bool end = at + 1 == record.size();
    CHECK(Found(before + flipped + after) ==
          (end ? "first|second|<1 damaged>|third" : "first|<" + size + " damaged>|third"));
  }
}

TEST_CASE("record: a record inside a body is never taken for one") {
  const std::string inner = SpoolRecord(RequestOf("inner"));
  const std::string bodies[] = {
      inner,           "\n" + inner,     "x" + inner + inner,
      "imrelay-spool", "imrelay-spool>", "imrelay-spool 1 imrelay-spool 1 5 x\n"};
  for (const std::string& body : bodies) {
    CAPTURE(body);
    const std::string outer = SpoolRecord(RequestOf(body));
    CHECK(Found(outer) == body);
    // Twice nested, and behind damage.
    CHECK(Found(SpoolRecord(RequestOf(outer))) == outer);
    std::string damaged = outer;
    damaged[3] = 'X';
    CHECK(Found(damaged + inner) == "<" + std::to_string(outer.size()) + " damaged>|inner");
  }
}

TEST_CASE("record: a length that lies is damage") {
  const std::string record = SpoolRecord(RequestOf("body"));
  const std::size_t blank = record.find(' ', 16);
  for (const char* length : {"", "0", "1", "-5", "99999999999999999999", "1000000", "5x", "0x10"}) {
    CAPTURE(length);
    const std::string lying = "imrelay-spool 1 " + std::string(length) + record.substr(blank);
    CHECK(Found(lying + record) == "<" + std::to_string(lying.size()) + " damaged>|body");
  }
}

// It would take hours if each beginning were summed over all that follows.
TEST_CASE("record: nothing but beginnings is read in one go") {
  std::string file;
  const std::string beginning =
      "imrelay-spool 1 1000000 0123456789abcdef0123456789abcdef\n"
      "received 1\npath /\ntype \nremote \n\n";
  while (file.size() < (8u << 20)) file += beginning;
  const std::string size = std::to_string(file.size());
  CHECK(Found(file + SpoolRecord(RequestOf("last"))) == "<" + size + " damaged>|last");
}

TEST_CASE("record: the longest body fits, of words that grow too") {
  std::string body;
  while (body.size() + 13 <= kMaxSpooledBody) body += "imrelay-spool";
  body.resize(kMaxSpooledBody, 'x');
  CHECK(Found(SpoolRecord(RequestOf(body))) == body);
}

}  // namespace
}  // namespace imrelay
