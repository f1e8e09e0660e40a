-- What administrators and users lay over the built-in catalogue of models. An alias stands for one provider's model,
-- never for another alias. Prices are nano-dollars per million tokens, all null where the list price holds; `profile` is
-- a JSON object of what differs from the built-in facts.
CREATE TABLE catalog_aliases (
  name TEXT PRIMARY KEY,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  updated_by TEXT
);

CREATE TABLE user_aliases (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, name)
);

CREATE TABLE catalog_overrides (
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  input_price_nanos BIGINT,
  output_price_nanos BIGINT,
  cache_read_price_nanos BIGINT,
  cache_write_price_nanos BIGINT,
  cache_write_1h_price_nanos BIGINT,
  profile TEXT NOT NULL,
  is_enabled BOOLEAN NOT NULL,
  is_hidden BOOLEAN NOT NULL,
  updated_at BIGINT NOT NULL,
  updated_by TEXT,
  PRIMARY KEY (provider, model)
);
