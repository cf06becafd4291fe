// A channel's service that does nothing: answers every POST with an id of its own, at once, or, on
// a path that begins with /slow, after 5 s. Writes a line for each to FILE at its end, on SIGTERM:
// microseconds since 1970, a tab, the body.
// Usage: imrelay-sink PORT FILE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kSlow{5};

struct Receipt {
  long long at;
  std::string body;
};
struct Held {
  Clock::time_point due;
  int socket;
  std::string answer;
};

std::vector<Receipt> receipts;
std::unordered_map<int, std::string> unread;  // by socket
std::deque<Held> held;                        // in the order they are due

std::string NextAnswer() {
  const std::string body = R"({"message":{"ids":["id-)" + std::to_string(receipts.size()) + "\"]}}";
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

void Write(int socket, const std::string& answer) {
  if (send(socket, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) unread.erase(socket);
}

// Takes whole requests from what a connection sent.
void TakeRequests(int socket, std::string& text) {
  while (true) {
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string::npos) return;
    const char* const length = strcasestr(text.c_str(), "content-length:");
    const std::size_t size = length == nullptr ? 0 : std::strtoul(length + 15, nullptr, 10);
    if (text.size() < end + 4 + size) return;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    receipts.push_back({std::chrono::duration_cast<std::chrono::microseconds>(now).count(),
                        text.substr(end + 4, size)});
    if (text.starts_with("POST /slow")) {
      held.push_back({Clock::now() + kSlow, socket, NextAnswer()});
    } else {
      Write(socket, NextAnswer());
    }
    text.erase(0, end + 4 + size);
  }
}

void Read(int socket) {
  char buffer[65536];
  const ssize_t got = recv(socket, buffer, sizeof buffer, 0);
  if (got <= 0) {
    unread.erase(socket);
    close(socket);
    return;
  }
  std::string& text = unread[socket];
  text.append(buffer, static_cast<std::size_t>(got));
  TakeRequests(socket, text);
}

void Accept(int listening, int poll) {
  const int socket = accept(listening, nullptr, nullptr);
  if (socket < 0) return;
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = socket;
  epoll_ctl(poll, EPOLL_CTL_ADD, socket, &event);
  unread[socket];
}

int Wait() {
  if (held.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(held.front().due - Clock::now());
  return left.count() < 0 ? 0 : static_cast<int>(left.count());
}

void AnswerHeld() {
  while (!held.empty() && held.front().due <= Clock::now()) {
    if (unread.contains(held.front().socket)) Write(held.front().socket, held.front().answer);
    held.pop_front();
  }
}

int Listen(int port) {
  const int listening = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return -1;
  return listen(listening, 1024) == 0 ? listening : -1;
}

int Stopped() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, 0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int listening = Listen(std::atoi(argv[1]));
  if (listening < 0) return 1;
  const int stopped = Stopped();
  const int poll = epoll_create1(0);
  for (const int socket : {listening, stopped}) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = socket;
    epoll_ctl(poll, EPOLL_CTL_ADD, socket, &event);
  }
  for (bool running = true; running;) {
    epoll_event events[64];
    const int count = epoll_wait(poll, events, 64, Wait());
    for (int i = 0; i < count; ++i) {
      const int socket = events[i].data.fd;
      if (socket == stopped) running = false;
      if (socket == listening) Accept(listening, poll);
      if (socket != stopped && socket != listening) Read(socket);
    }
    AnswerHeld();
  }
  FILE* const file = std::fopen(argv[2], "w");
  if (file == nullptr) return 1;
  for (const Receipt& one : receipts) std::fprintf(file, "%lld\t%s\n", one.at, one.body.c_str());
  return std::fclose(file) == 0 ? 0 : 1;
}
