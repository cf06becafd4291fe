# First file: layers.txt. The others: sources, whose #include lines are checked against it.
FNR == NR {
  if ($1 == "vendor") { vendor[$2] = $3 }
  else if ($1 ~ /:$/) {
    room = substr($1, 1, length($1) - 1)
    known[room] = 1
    for (i = 2; i <= NF; i++) allowed[room, $i] = 1
  }
  next
}
FNR == 1 { split(FILENAME, part, "/"); room = part[2] }
FNR == 1 && !(room in known) && part[3] != "" { complain("room '" room "' is not in layers.txt") }
/^[ \t]*#[ \t]*include[ \t]*"/ {
  split($0, quoted, "\"")
  split(quoted[2], target, "/")
  if (target[1] != room && !((room, target[1]) in allowed))
    complain(room " may not include " quoted[2])
}
/^[ \t]*#[ \t]*include[ \t]*</ {
  header = $0
  sub(/^[^<]*</, "", header); sub(/>.*/, "", header)
  for (prefix in vendor) {
    if (index(header, prefix) == 1 && (vendor[prefix] != room || FILENAME ~ /\.h$/))
      complain("<" header "> belongs into .cc files of " vendor[prefix])
  }
}
function complain(what) { printf "%s:%d: %s\n", FILENAME, FNR, what > "/dev/stderr"; bad = 1 }
END { exit bad }
