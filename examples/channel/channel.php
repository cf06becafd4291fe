<?php
// A channel's service. Run: composer require standard-webhooks/standard-webhooks
// IMRELAY_SECRET=whsec_… php -S 127.0.0.1:8090 channel.php
require __DIR__ . '/vendor/autoload.php';

use StandardWebhooks\Exception\WebhookVerificationException;
use StandardWebhooks\Webhook;

// Does what the call says, here in $state; returns the status and the answer.
function act(string $type, array $data, array &$state): array
{
    $message = $data['message'] ?? [];
    $im = $data['im']['message_id'] ?? null;
    if ($type === 'message.created') { // the text and each file become a message of their own
        $files = array_column($message['files'] ?? [], 'url');
        $parts = array_filter([$message['text'], ...$files], 'strlen');
        $ids = [];
        foreach ($parts as $text) {
            $ids[] = $id = 'm' . $state['next']++;
            $state['messages'][$id] = ['chat' => $data['chat']['id'], 'text' => $text, 'im' => $im];
        }
        return [200, ['message' => ['ids' => $ids]]];
    }
    if ($type === 'message.updated') {
        if (!isset($state['messages'][$message['id'] ?? ''])) return [404, []];
        $state['messages'][$message['id']]['text'] = $message['text'];
    }
    if ($type === 'message.deleted') { // without an id: whatever Bitrix24's number became
        $ids = isset($message['id'])
            ? array_intersect([$message['id']], array_keys($state['messages']))
            : array_keys(array_filter($state['messages'], fn ($one) => $one['im'] === $im));
        $state['messages'] = array_diff_key($state['messages'], array_flip($ids));
        if (!$ids) return [404, []];
    }
    return [200, []];
}

$id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
try {
    $call = (new Webhook(getenv('IMRELAY_SECRET')))->verify(file_get_contents('php://input'), [
        'webhook-id' => $id,
        'webhook-timestamp' => $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '',
        'webhook-signature' => $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '',
    ]);
} catch (WebhookVerificationException $error) {
    http_response_code(503); // a 4xx is final: a secret that is not set up yet must lose nothing
    exit;
}
$file = getenv('CHANNEL_STATE') ?: 'channel.json';
flock($lock = fopen("$file.lock", 'c'), LOCK_EX);
$empty = ['next' => 1, 'messages' => [], 'seen' => []];
$state = json_decode((string) @file_get_contents($file), true) ?? $empty;
[$status, $answer] = $state['seen'][$id] ?? act($call['type'], $call['data'], $state);
if ($status < 400 && !isset($state['seen'][$id])) { // what was refused may come again
    $state['seen'][$id] = [$status, $answer];
    file_put_contents("$file.new", json_encode($state));
    rename("$file.new", $file); // what was done, and that it was, at once
}
header('Content-Type: application/json', true, $status);
echo json_encode((object) $answer);
