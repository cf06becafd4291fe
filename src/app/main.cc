#include <exception>
#include <iostream>

#include "app/command_line.h"

int main(int argc, char** argv) {
  try {
    return static_cast<int>(imrelay::RunCommandLine(argc, argv, std::cin, std::cout, std::cerr));
  } catch (const std::exception&) {
    // The one place where what the libraries throw ends; in practice that memory ran out.
    std::cerr << "imrelay: out of memory\n";
    return static_cast<int>(imrelay::Exit::kUnavailable);
  }
}
