# Turns what the pages are made of into one C++ header of constants: *.html, *.css and *.js as they
# stand, with the hash of each .css and .js as a Content-Security-Policy has it, and texts.txt as a
# table. Usage: awk -f embed_pages.awk src/web/pages/*
function base64_of_hex(hex,    alphabet, bits, n, i, four, out) {
  alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  for (i = 1; i <= length(hex); i += 3) {  # three hexadecimal digits are two of base 64
    four = sprintf("%-3s", substr(hex, i, 3)); gsub(/ /, "0", four)
    bits = 256 * digit(four, 1) + 16 * digit(four, 2) + digit(four, 3)
    out = out substr(alphabet, int(bits / 64) + 1, 1)
    if (i + 1 <= length(hex)) out = out substr(alphabet, bits % 64 + 1, 1)
  }
  while (length(out) % 4) out = out "="
  return out
}
function digit(hex, at) { return index("0123456789abcdef", substr(hex, at, 1)) - 1 }
function finish(    command, hash) {
  if (name == "") return
  print "inline constexpr std::string_view k" name " = R\"page(" text ")page\";"
  if (file !~ /\.html$/) {
    command = "sha256sum '" file "'"
    command | getline hash
    close(command)
    print "inline constexpr std::string_view k" name "Hash = \"'sha256-" \
      base64_of_hex(substr(hash, 1, 64)) "'\";"
  }
  name = text = ""
}
function constant(path,    parts, n, i, out, word) {
  sub(/.*\//, "", path)
  n = split(path, parts, /[._]/)
  for (i = 1; i <= n; i++) {
    word = parts[i]
    out = out toupper(substr(word, 1, 1)) substr(word, 2)
  }
  return out
}
function quoted(string) { gsub(/\\/, "\\\\", string); gsub(/"/, "\\\"", string); return string }
function finish_text() {
  if (key != "") texts = texts "    {\"" key "\", \"" quoted(en) "\", \"" quoted(ru) "\"},\n"
  key = en = ru = ""
}
BEGIN {
  print "// Made by scripts/embed_pages.awk from src/web/pages. Do not edit."
  print "#pragma once\n\n#include <string_view>\n\nnamespace imrelay::page_sources {\n"
  print "struct Text {\n  std::string_view key;\n  std::string_view english;"
  print "  std::string_view russian;\n};\n"
}
FNR == 1 {
  finish()
  file = FILENAME
  is_table = file ~ /\.txt$/
  if (!is_table) name = constant(file)
}
!is_table { text = text $0 "\n"; next }
/^#/ || /^[ \t]*$/ { next }
/^  en / { en = substr($0, 6); next }
/^  ru / { ru = substr($0, 6); next }
{ finish_text(); key = $1 }
END {
  finish()
  finish_text()
  print "\ninline constexpr Text kTexts[] = {\n" texts "};\n\n}  // namespace imrelay::page_sources"
}
