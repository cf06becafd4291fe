-- name: SettingInsert
INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING;

-- name: SettingFind
SELECT value FROM setting WHERE name = ?1;
