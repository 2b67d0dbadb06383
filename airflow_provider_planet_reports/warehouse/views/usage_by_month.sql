-- Usage by month, plan and item type, from daily summaries. `days` says of how many days.
SELECT
    substr(CAST(day AS TEXT), 1, 7) AS month,
    plan_id,
    item_type,
    sum(usage) AS usage,
    CAST(sum(rows) AS BIGINT) AS rows,
    CAST(sum(unreadable) AS BIGINT) AS unreadable,
    count(DISTINCT day) AS days
FROM usage_daily
GROUP BY 1, 2, 3
