-- The reports that count. Of two reports of one plan, type, cadence and day, it is the one that was
-- landed first at the later time: a correction under a new id. Of two that one run landed, it is the
-- one with the larger id, which is arbitrary.
WITH timed AS (
    SELECT
        loaded_reports.*,
        coalesce(CAST(data_date AS TEXT), receipt) AS day,
        max(first_landed_at) OVER (
            PARTITION BY table_name, plan_id, data_date, coalesce(first_landed_by, receipt)
        ) AS run_landed_at
    FROM loaded_reports
),
ranked AS (
    SELECT
        timed.*,
        row_number() OVER (
            PARTITION BY table_name, plan_id, day ORDER BY run_landed_at DESC, report_id DESC
        ) AS place
    FROM timed
)
SELECT
    load_id, table_name, report_id, plan_id, data_date, rows, first_landed_at, loaded_at, receipt
FROM ranked
WHERE place = 1
