#pragma once

#include <string>

namespace imrelay::stand_in {

// One call that was made to the stand-in.
struct SeenCall {
  std::string method;  // of HTTP
  std::string path;
  std::string secret;  // of the token endpoint: "right", "wrong"; else empty
  int status = 0;      // 0: no answer was given
  std::string member_id = {};
  std::string rest_method = {};  // "imconnector.register"
  std::string error = {};        // the answer's word
  std::string fault = {};        // how it was spoilt, if it was
};

}  // namespace imrelay::stand_in
