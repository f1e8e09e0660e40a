-- How much a user, a team and an API key may use: requests and tokens per minute and UTC day, and US dollars per period
-- (nano-USD). NULL means no limit.
ALTER TABLE users ADD COLUMN rate_limit_per_minute BIGINT;
ALTER TABLE users ADD COLUMN rate_limit_per_day BIGINT;
ALTER TABLE users ADD COLUMN token_limit_per_minute BIGINT;
ALTER TABLE users ADD COLUMN token_limit_per_day BIGINT;
ALTER TABLE users ADD COLUMN budget_usd_nanos BIGINT;
ALTER TABLE users ADD COLUMN budget_period TEXT;

ALTER TABLE teams ADD COLUMN rate_limit_per_minute BIGINT;
ALTER TABLE teams ADD COLUMN rate_limit_per_day BIGINT;
ALTER TABLE teams ADD COLUMN token_limit_per_minute BIGINT;
ALTER TABLE teams ADD COLUMN token_limit_per_day BIGINT;
ALTER TABLE teams ADD COLUMN budget_usd_nanos BIGINT;
ALTER TABLE teams ADD COLUMN budget_period TEXT;

ALTER TABLE api_keys ADD COLUMN token_limit_per_minute BIGINT;
ALTER TABLE api_keys ADD COLUMN token_limit_per_day BIGINT;
