<?php
// Reads one form body in hexadecimal a line; prints what parse_str() makes of each, one line each,
// in the notation of tree_dump.h.

function dump(array|string $tree): string
{
    if (is_string($tree)) {
        return 't' . bin2hex($tree);
    }
    $items = [];
    foreach ($tree as $key => $value) {
        $items[] = (array_is_list($tree) ? '' : bin2hex((string) $key) . ':') . dump($value);
    }
    $all = implode(',', $items);
    return array_is_list($tree) ? "[$all]" : '{' . $all . '}';
}

while (($line = fgets(STDIN)) !== false) {
    parse_str(hex2bin(rtrim($line, "\n")), $tree);
    echo dump($tree), "\n";
}
