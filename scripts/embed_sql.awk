# Turns sql/<dialect>/{migrations,queries}/*.sql into one C++ header of constants.
# Usage: awk -f embed_sql.awk sql/sqlite/migrations/*.sql sql/sqlite/queries/*.sql
# A query block begins with "-- name: EventInsert" and becomes kEventInsert; a migration file
# 0001_initial.sql becomes one entry of kMigrations.
function finish() {
  if (text == "") return
  if (migration) {
    migrations = migrations "    {" number ", \"" title "\", R\"sql(" text ")sql\"},\n"
  } else {
    print "inline constexpr Query k" title "{" count++ ", \"" title "\", R\"sql(" text ")sql\"};"
  }
  text = ""
}
BEGIN {
  print "// Made by scripts/embed_sql.awk from sql/. Do not edit."
  print "#pragma once\n\nnamespace imrelay::sql {\n"
  print "struct Query {\n  int number;\n  const char* name;\n  const char* text;\n};"
  print "struct Migration {\n  int number;\n  const char* name;\n  const char* text;\n};\n"
}
FNR == 1 {
  finish()
  file = FILENAME; sub(/.*\//, "", file)
  migration = FILENAME ~ /\/migrations\//
  if (migration) { number = file + 0; title = file; sub(/\.sql$/, "", title) }
}
!migration && /^-- name: / { finish(); title = $3; next }
migration { text = text $0 "\n"; next }
/^--/ || /^[ \t]*$/ { next }
{ text = text $0 "\n" }
END {
  finish()
  print "\ninline constexpr int kQueryCount = " count ";"
  print "inline constexpr Migration kMigrations[] = {\n" migrations "};\n\n}  // namespace imrelay::sql"
}
