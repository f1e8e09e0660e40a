-- Searches that a provider ran and charges apart from tokens, and its own usage object (JSON text) for audits of its bill.
ALTER TABLE requests ADD COLUMN searches BIGINT;
ALTER TABLE attempts ADD COLUMN searches BIGINT;
ALTER TABLE attempts ADD COLUMN raw_usage TEXT;
