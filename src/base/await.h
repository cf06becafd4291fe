#pragma once

#include <future>
#include <utility>

namespace imrelay {

// Waits for something that tells its result through a callback: starts it with a callback that
// takes one T, and returns what that is given. Not for the thread that calls the callback.
template <class T, class Start>
T Await(Start start) {
  std::promise<T> told;
  std::future<T> result = told.get_future();
  start([&told](T value) { told.set_value(std::move(value)); });
  return result.get();
}

}  // namespace imrelay
