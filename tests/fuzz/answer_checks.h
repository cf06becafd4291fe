#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/client.h"

namespace imrelay {

// The answers of a server, out of libFuzzer's input: "STATUS [VALUE OF RETRY-AFTER]\nBODY", the
// next one after an empty line. Status 0 is a server that is away, 1 one that takes the call and
// says nothing; a status with a plus behind it, an answer that is longer than what is read of it.
// None beyond `most`; a text that is no such answer is the body of a 200.
std::vector<Result<HttpResponse>> AnswersOf(std::string_view input, std::size_t most);

// Whether `text` has a run of 20 or more letters, digits and bytes of `more`, which may be a
// secret.
bool HasTokenLike(std::string_view text, std::string_view more = {});

// Holds of every sentence made from an answer: at most `most` bytes of UTF-8, on one line.
void CheckLine(std::string_view text, std::size_t most);

// Whether `kept` repeats `length` bytes of a text, written again here, apart from the code.
bool Repeats(std::string_view kept, std::string_view text, std::size_t length);

// From how many bytes on a repetition of the message's text must not be kept.
inline constexpr std::size_t kRepeatedText = 16;

// Holds of what the ledger keeps: see KeptAnswer.
void CheckKept(std::string_view kept, std::string_view secret);

}  // namespace imrelay
