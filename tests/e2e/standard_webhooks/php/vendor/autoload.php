<?php
// Stands for the library standard-webhooks/standard-webhooks, of which the example uses this and no
// more.
namespace StandardWebhooks\Exception {
    class WebhookVerificationException extends \Exception {}
}

namespace StandardWebhooks {
    class Webhook
    {
        private string $key;

        public function __construct(string $secret)
        {
            $this->key = base64_decode(preg_replace('/^whsec_/', '', $secret), true);
        }

        public function verify(string $payload, array $headers): array
        {
            $stamp = $headers['webhook-timestamp'];
            if (!ctype_digit($stamp) || abs(time() - (int) $stamp) > 300) {
                throw new Exception\WebhookVerificationException('too old or too new');
            }
            $signed = "{$headers['webhook-id']}.$stamp.$payload";
            $right = 'v1,' . base64_encode(hash_hmac('sha256', $signed, $this->key, true));
            foreach (explode(' ', $headers['webhook-signature']) as $one) {
                if (hash_equals($right, $one)) return json_decode($payload, true);
            }
            throw new Exception\WebhookVerificationException('no signature is right');
        }
    }
}
