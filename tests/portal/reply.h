#pragma once

#include <string>

#include "tests/portal/php_value.h"

namespace imrelay::stand_in {

// An answer to a call, before faults and HTTP.
struct Reply {
  int status = 200;
  PhpValue body = PhpValue::Map();
  std::string location = {};  // of a redirect
};

inline Reply Answer(PhpValue result) {
  Reply reply;
  reply.body.Set("result", std::move(result));
  return reply;
}

inline Reply Refuse(int status, std::string error, std::string description) {
  Reply reply;
  reply.status = status;
  reply.body.Set("error", std::move(error));
  reply.body.Set("error_description", std::move(description));
  return reply;
}

inline Reply MissingArgument(const std::string& name) {
  Reply reply = Refuse(400, "ERROR_ARGUMENT", "Argument '" + name + "' is null or empty");
  reply.body.Set("argument", name);
  return reply;
}

}  // namespace imrelay::stand_in
