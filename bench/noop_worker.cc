// The fastest a libfcgi worker can be: 32 threads in FCGX_Accept_r that read the body and answer,
// and do nothing else. What is measured is imrelay's distance from it.
#include <fcgiapp.h>

#include <csignal>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

void Serve() {
  FCGX_Request request;
  FCGX_InitRequest(&request, 0, 0);
  std::vector<char> body(1 << 20);
  while (FCGX_Accept_r(&request) == 0) {
    const char* length = FCGX_GetParam("CONTENT_LENGTH", request.envp);
    const int size = length == nullptr ? 0 : std::atoi(length);
    if (size > 0 && size <= static_cast<int>(body.size())) {
      FCGX_GetStr(body.data(), size, request.in);
      char more = 0;
      FCGX_GetStr(&more, 1, request.in);
    }
    FCGX_PutS(
        "Status: 200 OK\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n"
        "{\"status\":\"accepted\"}",
        request.out);
    FCGX_Finish_r(&request);
  }
}

}  // namespace

int main() {
  FCGX_Init();
  std::signal(SIGTERM, SIG_DFL);  // with libfcgi's handler each thread would serve one more
  std::vector<std::thread> threads;
  for (int i = 0; i < 32; ++i) threads.emplace_back(Serve);
  for (std::thread& thread : threads) thread.join();
}
