-- What a server's gauges are made of, across tenants: numbers, never names.

-- waiting()
-- Deliveries that wait, by state, with the oldest of each; those that are claimed wait for their end.
SELECT status, count(*), min(created_at) FROM deliveries WHERE status IN ('queued', 'deferred', 'scheduled') GROUP BY status;

-- due(now)
-- Since when the first of them is due: how far behind the queue is.
SELECT min(due_at) FROM deliveries WHERE status IN ('queued', 'deferred', 'scheduled') AND due_at <= :now;

-- webhooks()
-- Tellings that wait, and since when the oldest does.
SELECT count(*), min(created_at) FROM webhook_deliveries WHERE status = 'pending';

-- untold()
-- Since when the oldest event waits that some webhook's queue has not taken up.
SELECT min(events.created_at) FROM webhooks JOIN events ON events.cursor = (
    SELECT min(cursor) FROM events WHERE events.tenant_id = webhooks.tenant_id AND events.cursor > webhooks.cursor)
WHERE webhooks.status = 'active';

-- approvals()
-- Open questions, and since when the oldest is.
SELECT count(*), min(created_at) FROM approvals WHERE status = 'pending';

-- ends()
-- Where the event log and the messages end now.
SELECT (SELECT coalesce(max(cursor), 0) FROM events), (SELECT coalesce(max(seq), 0) FROM messages);

-- events(after, last)
-- What happened in between, by type; of attempts also the first digit of the reply.
SELECT type, CASE WHEN type IN ('message.sent', 'message.delivered', 'message.deferred', 'message.bounced', 'message.unknown')
    THEN coalesce(json_extract(data, '$.code') / 100, 0) END, count(*)
FROM events WHERE cursor > :after AND cursor <= :last GROUP BY 1, 2;

-- verdicts(after, last)
-- What was found of the authors of messages that came in between.
SELECT json_extract(authentication, '$.dmarc.result'), count(*) FROM messages
WHERE seq > :after AND seq <= :last AND direction = 'inbound' GROUP BY 1;
