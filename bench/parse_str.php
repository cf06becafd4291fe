<?php
// How long PHP's own parse_str() takes for one form body.
// Usage: php parse_str.php FILE SECONDS; prints nanoseconds a body.
$body = file_get_contents($argv[1]);
$until = (float) $argv[2] * 1e9;
$start = hrtime(true);
$count = 0;
do {
    for ($i = 0; $i < 100; $i++) {
        parse_str($body, $tree);
    }
    $count += 100;
    $taken = hrtime(true) - $start;
} while ($taken < $until);
printf("%.0f\n", $taken / $count);
