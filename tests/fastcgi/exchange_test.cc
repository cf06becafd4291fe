// What requests become, and how they are answered, over a real socket.
#include "fastcgi/exchange.h"

#include <doctest/doctest.h>

#include <stdexcept>

#include "tests/fastcgi/server_fixture.h"

using namespace imrelay;

namespace {

std::string Post(const Parameters& parameters, std::string_view body) {
  return BeginRecord() + ParameterRecords(parameters) + BodyRecords(body);
}

}  // namespace

TEST_CASE("exchange: a request arrives as it was sent") {
  ServerFixture fixture;
  Request seen;
  fixture.Start([&seen](const Request& request) {
    seen = request;
    return Response{};
  });
  Parameters parameters = PostParameters("5");
  parameters[1].second = "/bitrix24/event?a=1?b=2";

  const Answer answer = fixture.Exchange(Post(parameters, "x=%00"));

  REQUIRE(answer.ended);
  CHECK(seen.method == "POST");
  CHECK(seen.path == "/bitrix24/event");
  CHECK(seen.query == "a=1?b=2");
  CHECK(seen.content_type == "application/x-www-form-urlencoded");
  CHECK(seen.content_length == "5");
  CHECK(seen.remote_address == "192.0.2.7");
  CHECK(seen.body == "x=%00");
  CHECK(seen.body_state == Request::BodyState::kComplete);
}

TEST_CASE("exchange: the headers of the channel API arrive, others and long ones do not") {
  ServerFixture fixture;
  Request seen;
  fixture.Start([&seen](const Request& request) {
    seen = request;
    return Response{};
  });
  Parameters parameters = PostParameters("0");
  parameters.emplace_back("HTTP_AUTHORIZATION", "Bearer k");
  parameters.emplace_back("HTTP_IDEMPOTENCY_KEY", std::string(4000, 'i'));
  parameters.emplace_back("HTTP_X_TELEGRAM_BOT_API_SECRET_TOKEN", "");
  parameters.emplace_back("HTTP_COOKIE", "c=1");

  REQUIRE(fixture.Exchange(Post(parameters, "")).ended);

  CHECK(seen.headers ==
        std::map<std::string, std::string>{{"authorization", "Bearer k"},
                                           {"idempotency-key", std::string(256, 'i')}});
}

TEST_CASE("exchange: a body of many records arrives whole, up to the limit") {
  ServerFixture fixture;
  fixture.Start();
  const std::string body(1 << 20, 'x');

  const Answer answer = fixture.Exchange(PostRequest(body));

  CHECK(answer.ended);
  CHECK(answer.body == "complete " + body);
}

TEST_CASE("exchange: a body over the limit is thrown away and answered") {
  ServerFixture fixture;
  fixture.options.max_body_bytes = 1000;
  fixture.Start();

  CHECK(fixture.Exchange(PostRequest(std::string(1001, 'x'))).body == "too large ");
  CHECK(fixture.Exchange(PostRequest(std::string(3 << 20, 'x'))).body == "too large ");
  CHECK(fixture.Exchange(Post(PostParameters("99999999999999999999999"), "x")).body ==
        "too large ");
}

TEST_CASE("exchange: a peer that sends without end is answered and cut off") {
  ServerFixture fixture;
  fixture.options.max_body_bytes = 1000;
  fixture.Start();
  Client client(fixture.path());
  client.Send(BeginRecord() + ParameterRecords(PostParameters("1000000000")));
  const std::string chunk = UnendedBody(std::string(1 << 20, 'x'));

  int sent = 0;
  while (sent < 100 && client.Send(chunk)) ++sent;

  CHECK(sent < 10);
  CHECK(client.Receive().body == "too large ");
}

TEST_CASE("exchange: a body shorter or longer than announced is cut") {
  ServerFixture fixture;
  fixture.Start();

  CHECK(fixture.Exchange(Post(PostParameters("10"), "12345")).body == "cut ");
  CHECK(fixture.Exchange(Post(PostParameters("10"), "")).body == "cut ");
  CHECK(fixture.Exchange(Post(PostParameters("4"), "12345")).body == "cut ");
  CHECK(fixture.Exchange(Post(PostParameters("0"), "1")).body == "cut ");
}

TEST_CASE("exchange: a peer that leaves within the body leaves a cut one") {
  ServerFixture fixture;
  fixture.Start();
  Client client(fixture.path());
  client.Send(BeginRecord() + ParameterRecords(PostParameters("10")) + UnendedBody("12345"));

  client.EndSending();

  CHECK(client.Receive().body == "cut ");
}

TEST_CASE("exchange: a length that is missing or no number is told apart") {
  ServerFixture fixture;
  fixture.Start();

  for (const char* length : {"", "x", "5x", "-5", "+5", " 5", "5 ", "0x5", "5.0"}) {
    CAPTURE(length);
    CHECK(fixture.Exchange(Post(PostParameters(length), "12345")).body == "no length ");
  }
  const Parameters bare = {{"REQUEST_METHOD", "POST"}};
  CHECK(fixture.Exchange(Post(bare, "12345")).body == "no length ");
  CHECK(fixture.Exchange(Post(PostParameters("0005"), "12345")).body == "complete 12345");
  CHECK(fixture.Exchange(Post(PostParameters("0"), "")).body == "complete ");
}

TEST_CASE("exchange: over-long parameters are cut") {
  ServerFixture fixture;
  Request seen;
  fixture.Start([&seen](const Request& request) {
    seen = request;
    return Response{};
  });
  const std::string longest(100000, 'x');

  const Answer answer = fixture.Exchange(Post({{"REQUEST_METHOD", longest},
                                               {"REQUEST_URI", longest},
                                               {"CONTENT_TYPE", longest},
                                               {"CONTENT_LENGTH", std::string(100000, '1')},
                                               {"REMOTE_ADDR", longest}},
                                              ""));

  REQUIRE(answer.ended);
  CHECK(seen.method.size() == 64);
  CHECK(seen.path.size() == 8192);
  CHECK(seen.content_type.size() == 256);
  CHECK(seen.content_length.size() == 64);
  CHECK(seen.remote_address.size() == 64);
}

TEST_CASE("exchange: the answer has status, type, length, headers and body") {
  Response response;
  response.status = 405;
  response.body = "{}";
  response.headers = {{"Allow", "GET, HEAD"}};

  CHECK(FormatResponse(response, false) ==
        "Status: 405 Method Not Allowed\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        "Allow: GET, HEAD\r\n\r\n{}");
}

TEST_CASE("exchange: the answer to HEAD has the length of GET's body and none itself") {
  ServerFixture fixture;
  fixture.Start();
  Parameters parameters = PostParameters("");
  parameters[0].second = "HEAD";

  const Answer answer = fixture.Exchange(Post(parameters, ""));

  CHECK(answer.ended);
  CHECK(answer.status == "200 OK");
  CHECK(answer.headers.at("Content-Length") == "10");
  CHECK(answer.body.empty());
}

TEST_CASE("exchange: a handler that throws is answered 503, and others are served") {
  ServerFixture fixture;
  fixture.options.threads = 1;
  fixture.Start([](const Request& request) -> Response {
    if (request.body == "throw") throw std::runtime_error("out of luck");
    return Response{};
  });

  const Answer answer = fixture.Exchange(PostRequest("throw"));

  CHECK(answer.ended);
  CHECK(answer.status == "503 Service Unavailable");
  CHECK(answer.body.find(R"("error":"internal")") != std::string::npos);
  CHECK(answer.body.find("luck") == std::string::npos);
  CHECK(fixture.Exchange(PostRequest("a=1")).status == "200 OK");
}
