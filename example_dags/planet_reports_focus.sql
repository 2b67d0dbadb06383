-- Usage of a billing period as FOCUS 1.2, for DuckDB. It reads the table usage_daily (day, plan_id,
-- item_type, usage), and the variables period (first day), currency, account and contracts (JSON).
-- InvoiceId is empty: an invoice's number is the user's to add.
WITH contracts AS (
    SELECT unnest(from_json(getvariable('contracts'), '[{"plan_id": "VARCHAR", "start": "DATE",
        "end": "DATE", "price": "DOUBLE", "quota": "DOUBLE", "unit": "VARCHAR",
        "unit_prices": "MAP(VARCHAR, DOUBLE)"}]'), recursive := false) AS contract
),
charges AS (
    -- A quota is bought in the period in which its contract begins.
    SELECT
        contract, 'Purchase' AS category, 'Quota' AS item_type, CAST(NULL AS DATE) AS day,
        contract.price AS cost, CAST(NULL AS DOUBLE) AS usage, contract.price AS unit_price
    FROM contracts
    WHERE date_trunc('month', contract.start) = getvariable('period')
    UNION ALL
    -- Usage was paid for with the quota: nothing is billed, and its cost is its part of the price.
    SELECT
        contract, 'Usage', coalesce(item_type, 'Unknown'), day, 0, usage,
        coalesce(
            contract.unit_prices[item_type], contract.price / contract.quota,
            CAST(error('No contract of plan ' || usage_daily.plan_id || ' covers ' || day) AS DOUBLE)
        )
    FROM usage_daily
    LEFT JOIN contracts ON contract.plan_id = usage_daily.plan_id
        AND day BETWEEN contract.start AND contract."end"
    WHERE usage IS NOT NULL AND date_trunc('month', day) = getvariable('period')
)
SELECT
    cost AS BilledCost,
    getvariable('account') AS BillingAccountId,
    'Planet account ' || getvariable('account') AS BillingAccountName,
    getvariable('currency') AS BillingCurrency,
    CAST(getvariable('period') AS TIMESTAMP) + INTERVAL 1 MONTH AS BillingPeriodEnd,
    CAST(getvariable('period') AS TIMESTAMP) AS BillingPeriodStart,
    category AS ChargeCategory,
    CAST(NULL AS VARCHAR) AS ChargeClass,
    category || ' of ' || item_type || ' on plan ' || contract.plan_id AS ChargeDescription,
    CASE category WHEN 'Usage' THEN 'Usage-Based' ELSE 'One-Time' END AS ChargeFrequency,
    CAST(coalesce(day, contract."end") AS TIMESTAMP) + INTERVAL 1 DAY AS ChargePeriodEnd,
    CAST(coalesce(day, contract.start) AS TIMESTAMP) AS ChargePeriodStart,
    CAST(NULL AS VARCHAR) AS CommitmentDiscountStatus,
    usage AS ConsumedQuantity,
    CASE category WHEN 'Usage' THEN contract.unit END AS ConsumedUnit,
    coalesce(usage, 1) * unit_price AS ContractedCost,
    unit_price AS ContractedUnitPrice,
    coalesce(usage * unit_price, 0) AS EffectiveCost,
    CAST(NULL AS VARCHAR) AS InvoiceId,
    'Planet' AS InvoiceIssuerName,
    coalesce(usage, 1) * unit_price AS ListCost,
    unit_price AS ListUnitPrice,
    coalesce(usage, 1) AS PricingQuantity,
    CASE category WHEN 'Usage' THEN contract.unit ELSE 'Contracts' END AS PricingUnit,
    'Planet' AS ProviderName,
    'Planet' AS PublisherName,
    'Other' AS ServiceCategory,
    'Planet' AS ServiceName,
    'Other (Other)' AS ServiceSubcategory,
    item_type AS SkuId,
    item_type AS SkuMeter,
    CAST(NULL AS VARCHAR) AS SkuPriceDetails,
    contract.plan_id || '/' || contract.start || '/' || item_type AS SkuPriceId,
    contract.plan_id AS SubAccountId,
    'Plan ' || contract.plan_id AS SubAccountName,
    contract.quota AS x_ContractQuota,
    contract.start AS x_ContractStart
FROM charges
