-- Removes a blob's record and tags; its parts are to be removed by the caller.
-- ARGV[1] hash
-- Returns {upload, parts}, or nothing when there is no such blob.
return remove(ARGV[1])
