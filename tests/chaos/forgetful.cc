// Writes files as a careful program does, or forgets a step of it: the proof that power_cut.cc
// notices. Usage: forgetful DIRECTORY MODE; it waits to be killed once it has printed "done".

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace {

void Need(bool done, const char* what) {
  if (done) return;
  perror(what);
  std::exit(1);
}

void Sync(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags);
  Need(fd >= 0 && fsync(fd) == 0, "fsync");
  close(fd);
}

void Write(const std::string& path, const char* text, int flags, bool sync) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | flags, 0600);
  Need(fd >= 0, "open");
  Need(write(fd, text, strlen(text)) == static_cast<ssize_t>(strlen(text)), "write");
  if (sync) Need(fdatasync(fd) == 0, "fdatasync");
  close(fd);
}

}  // namespace

int main(int count, char** words) {
  if (count != 3) return 2;
  const std::string directory = words[1];
  const std::string mode = words[2];
  const std::string file = directory + "/file";
  const std::string fresh = directory + "/file.new";
  if (mode == "overwrite") {
    Write(file, "new", 0, false);
  } else if (mode == "append") {
    Write(file, " and more", O_APPEND, true);
    Write(file, " and forgotten", O_APPEND, false);
  } else if (mode == "stream") {
    std::ofstream(file) << "new";
    Sync(file, O_RDONLY);
  } else if (mode == "shorten") {
    const int fd = open(file.c_str(), O_RDWR);
    Need(fd >= 0 && ftruncate(fd, 1) == 0 && fdatasync(fd) == 0, "ftruncate");
    Need(ftruncate(fd, 0) == 0, "ftruncate");
  } else if (mode == "remove") {
    Need(unlink(file.c_str()) == 0, "unlink");
  } else {
    Write(fresh, "new", 0, mode != "no-file-sync");
    Need(rename(fresh.c_str(), file.c_str()) == 0, "rename");
    if (mode != "no-directory-sync") Sync(directory, O_RDONLY | O_DIRECTORY);
  }
  puts("done");
  fflush(stdout);
  pause();
}
