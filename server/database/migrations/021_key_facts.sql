-- What is said beside a key's state: since when it is switched off, and how long the last test that it passed took.
ALTER TABLE user_provider_keys ADD COLUMN disabled_at BIGINT;
ALTER TABLE user_provider_keys ADD COLUMN last_test_ms BIGINT;
