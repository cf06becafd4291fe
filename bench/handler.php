<?php
// What a user would write otherwise: php-fpm, PDO, SQLite in WAL with synchronous=FULL, one
// transaction a request, the same rows: journal, mapping, delivery.
$member = $_POST['auth']['member_id'] ?? '';
$token = $_POST['auth']['application_token'] ?? '';
$db = new PDO('sqlite:' . getenv('BENCH_PHP_DATABASE'), null, null,
    [PDO::ATTR_PERSISTENT => true, PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
     PDO::ATTR_TIMEOUT => 10]);
$db->exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=10000');
$db->exec('BEGIN IMMEDIATE');
$find = $db->prepare('SELECT token FROM portal WHERE member_id = ?');
$find->execute([$member]);
if (!hash_equals((string) $find->fetchColumn(), $token)) {
    $db->exec('ROLLBACK');
    http_response_code(403);
    exit;
}
$find->closeCursor();
$data = $_POST['data'];
$key = md5($member . $_POST['event'] . json_encode($data) . $_POST['ts'], true);
$journal = $db->prepare('INSERT INTO event (event_key, received_at, event, body)
    VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING');
$journal->execute([$key, time(), $_POST['event'], json_encode(['data' => $data])]);
foreach ($data['MESSAGES'] as $m) {
    $row = [$data['CONNECTOR'], $data['LINE'], $m['im']['chat_id'], $m['im']['message_id'],
        $m['chat']['id'], $m['message']['id'], time()];
    $db->prepare('INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET deleted_at = excluded.deleted_at')->execute($row);
    $db->prepare('INSERT INTO delivery (connector, line, chat, message, external_chat,
        external_message, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)')->execute($row);
}
$db->exec('COMMIT');
header('Content-Type: application/json');
echo '{"status":"accepted"}';
