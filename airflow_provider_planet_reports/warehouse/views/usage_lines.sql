-- Each line of the daily summaries that count, with its figure in `usage`. That is NULL where it cannot
-- be read, and where the line is of no day, such as a closing line with a total. To get at the other
-- columns, join the table on (_load_id, _row).
WITH lines AS (
    SELECT
        _load_id,
        _row,
        _data_date AS day,
        _plan_id AS plan_id,
        {item_type} AS item_type,
        {date} AS date,
        trim({usage}) AS figure
    FROM {table}
    WHERE _load_id IN (SELECT load_id FROM current_reports)
)
SELECT
    _load_id,
    _row,
    day,
    plan_id,
    item_type,
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
