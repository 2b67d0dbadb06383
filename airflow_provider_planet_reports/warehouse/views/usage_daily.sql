-- Usage by day, plan and item type, from daily summaries. Lines that cannot be read, such as a
-- closing line with a total, are not added, but counted: without an item type, in `unreadable`.
SELECT
    day,
    plan_id,
    CASE WHEN usage IS NOT NULL THEN item_type END AS item_type,
    sum(usage) AS usage,
    count(*) AS rows,
    count(*) - count(usage) AS unreadable
FROM usage_lines
GROUP BY 1, 2, 3
