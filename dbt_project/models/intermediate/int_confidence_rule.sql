-- The constants of the rule, kept in the file so that whoever reads a confidence can work it out again.
select
    cast({{ var('confidence_alpha') }} as double) as confidence_alpha,
    cast({{ var('confidence_beta') }} as double) as confidence_beta,
    cast({{ var('confidence_max') }} as double) as confidence_max,
    cast({{ var('skip_evidence_max') }} as double) as skip_evidence_max,
    cast({{ var('dwell_factor_min') }} as double) as dwell_factor_min,
    cast({{ var('clickbait_factor') }} as double) as clickbait_factor,
    cast({{ var('examination_correction') }} as boolean) as is_examination_corrected,
    cast({{ var('examination_cap') }} as double) as examination_cap,
    cast({{ var('anchor_reach_minutes') }} as integer) as anchor_reach_minutes,
    cast('{{ var("popularity_debiasing") }}' as varchar) as popularity_debiasing
