-- Usage by day, plan and item type, from daily summaries. Lines that cannot be read, such as a
-- closing line with a total, are not added, but counted: without an item type, in `unreadable`.
WITH lines AS (
    SELECT
        _data_date AS day,
        _plan_id AS plan_id,
        {item_type} AS item_type,
        {date} AS date,
        trim({usage}) AS figure
    FROM {table}
    WHERE _load_id IN (SELECT load_id FROM current_reports)
),
figures AS (
    SELECT
        day, plan_id, item_type,
        -- A number, with an exponent or grouped thousands, in a line that is of a day.
        CASE
            WHEN
                figure ~ '^[-+]?(([0-9]{1,3}(,[0-9]{3}){1,9}|[0-9]{1,30})([.][0-9]*)?|[.][0-9]+)([eE][-+]?[0-9]{1,2})?$'
                AND (
                    date ~ '^[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([^0-9].*)?$'
                    OR (date IS NULL AND {no_date_is_fine})
                )
            THEN CAST(replace(figure, ',', '') AS DOUBLE PRECISION)
        END AS usage
    FROM lines
)
SELECT
    day,
    plan_id,
    CASE WHEN usage IS NOT NULL THEN item_type END AS item_type,
    sum(usage) AS usage,
    count(*) AS rows,
    count(*) - count(usage) AS unreadable
FROM figures
GROUP BY 1, 2, 3
