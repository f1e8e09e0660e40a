-- The log of requests is read newest first, a page at a time, under filters that may be rare. Each index holds what the
-- filters ask for, so that rows which do not fit are passed over without being read. They take the place of the plain
-- ones, which usage was summed up by: it leaves out the same operations.
CREATE INDEX requests_log_by_user
  ON requests (user_id, created_at, id, status, error_code, billed_to, provider, model, fallback)
  WHERE operation NOT IN ('models', 'receipt', 'explain');
CREATE INDEX requests_log
  ON requests (created_at, id, status, error_code, billed_to, provider, model, fallback)
  WHERE operation NOT IN ('models', 'receipt', 'explain');
DROP INDEX requests_by_user;
DROP INDEX requests_by_time;
