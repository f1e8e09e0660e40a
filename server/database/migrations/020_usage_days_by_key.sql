-- What one provider key was used for, by whomever: its page asks for that alone, among the sums of everybody's days.
CREATE INDEX usage_days_by_key ON usage_days (provider_key_id, build_id);
