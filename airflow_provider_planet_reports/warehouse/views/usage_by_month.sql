-- Usage by month, plan and item type, from daily summaries. `days` says of how many days there is a
-- report, `missing` how many days of the month have none: from the plan's first report on, and to
-- its last one if the plan has ended, which is to say that it has none of the newest week. A month
-- is complete when `missing` is 0 for all plans. A plan without usage has one line without an item
-- type.
WITH reports AS (
    SELECT DISTINCT plan_id, data_date AS day
    FROM current_reports
    WHERE table_name = 'summary_daily' AND data_date IS NOT NULL
),
plans AS (
    SELECT
        plan_id,
        min(day) AS first_day,
        CASE WHEN max(day) < (SELECT max(day) FROM reports) - 7 THEN max(day) END AS last_day
    FROM reports
    GROUP BY plan_id
),
months AS (
    SELECT DISTINCT
        substr(CAST(day AS TEXT), 1, 7) AS month,
        CAST(date_trunc('month', day) AS DATE) AS first_day,
        CAST(date_trunc('month', day) + INTERVAL '1 month' - INTERVAL '1 day' AS DATE) AS last_day
    FROM reports
),
plan_months AS (
    SELECT
        month,
        plan_id,
        greatest(months.first_day, plans.first_day) AS first_day,
        least(months.last_day, coalesce(plans.last_day, months.last_day)) AS last_day
    FROM plans
    JOIN months
        ON months.last_day >= plans.first_day
        AND months.first_day <= coalesce(plans.last_day, months.first_day)
),
counted AS (
    SELECT
        month,
        plan_months.plan_id AS plan_id,
        count(day) AS days,
        max(plan_months.last_day - plan_months.first_day) + 1 - count(day) AS missing
    FROM plan_months
    LEFT JOIN reports
        ON coalesce(reports.plan_id, '') = coalesce(plan_months.plan_id, '')
        AND day BETWEEN plan_months.first_day AND plan_months.last_day
    GROUP BY 1, 2
),
used AS (
    SELECT
        substr(CAST(day AS TEXT), 1, 7) AS month,
        plan_id,
        item_type,
        sum(usage) AS usage,
        CAST(sum(rows) AS BIGINT) AS rows,
        CAST(sum(unreadable) AS BIGINT) AS unreadable
    FROM usage_daily
    GROUP BY 1, 2, 3
)
SELECT
    coalesce(counted.month, used.month) AS month,
    coalesce(counted.plan_id, used.plan_id) AS plan_id,
    item_type,
    usage,
    coalesce(rows, 0) AS rows,
    coalesce(unreadable, 0) AS unreadable,
    days,
    missing
FROM counted
FULL JOIN used
    ON used.month = counted.month AND coalesce(used.plan_id, '') = coalesce(counted.plan_id, '')
