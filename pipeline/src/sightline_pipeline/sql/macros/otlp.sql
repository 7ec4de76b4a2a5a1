{#- Types and expressions over OTLP's AnyValue, which SQL cannot recurse into: macros unroll it.
    `depth` is how many levels may nest; the .proto files in ../landing use the same depths. -#}

{%- macro any_value_type(depth) -%}
Tuple(string_value Nullable(String), bool_value Nullable(Bool), int_value Nullable(Int64), double_value Nullable(Float64),
{%- if depth == 0 %} array_value Nullable(String), kvlist_value Nullable(String),
{%- else %} array_value Nullable(Tuple(values Array({{ any_value_type(depth - 1) }}))), kvlist_value Nullable(Tuple(values Array(Tuple(key String, value {{ any_value_type(depth - 1) }})))),
{%- endif %} bytes_value Nullable(String))
{%- endmacro -%}

{%- macro attributes_type(depth) -%} Array(Tuple(key String, value {{ any_value_type(depth) }})) {%- endmacro -%}

{%- macro resource_type() -%} Tuple(attributes {{ attributes_type(1) }}, dropped_attributes_count UInt32) {%- endmacro -%}

{%- macro scope_type() -%} Tuple(name String, version String, attributes {{ attributes_type(0) }}, dropped_attributes_count UInt32) {%- endmacro -%}

{%- macro envelope_columns() -%}
    tenant LowCardinality(String), origin LowCardinality(String), seq UInt64,
    topic LowCardinality(String), partition UInt32, offset UInt64,
    received_at UInt64, accept_from UInt64, accept_until UInt64, records UInt64, bytes UInt64
{%- endmacro -%}

{#- A message that was cut off can end in a field which claims the envelope behind it as its own bytes:
    what is left of it would be stored without its times and its place. The tenant comes first and is never empty. -#}
{%- macro envelope_constraint() -%} CONSTRAINT envelope_is_whole CHECK notEmpty(tenant) {%- endmacro -%}

{#- A value that nests, as JSON. An array and a key-value list share one expression for what is in
    them, because at most one of the two is set: so the text grows with the depth, not with 2^depth.
    What lies deeper than the unrolling stays readable as its encoded bytes. -#}
{%- macro nested_json(v, depth) -%}
{%- if depth == 0 -%}
if(isNotNull({{ v }}.array_value), concat('{"@otlp.array":"', base64Encode(assumeNotNull({{ v }}.array_value)), '"}'),
    concat('{"@otlp.kvlist":"', base64Encode(assumeNotNull({{ v }}.kvlist_value)), '"}'))
{%- else -%}
arrayStringConcat(arrayMap((j, k) -> concat(k, j),
    arrayMap(v{{ depth }} -> {{ json('v%d' % depth, depth - 1) }},
        arrayConcat(assumeNotNull({{ v }}.array_value.values), assumeNotNull({{ v }}.kvlist_value.values.value))),
    if(isNotNull({{ v }}.array_value), arrayMap(x -> '', assumeNotNull({{ v }}.array_value.values)),
        arrayMap(k -> concat(toJSONString(k), ':'), assumeNotNull({{ v }}.kvlist_value.values.key)))), ',')
{%- endif -%}
{%- endmacro -%}

{%- macro bracketed(v, depth) -%}
{%- if depth == 0 -%} {{ nested_json(v, depth) }}
{%- else -%} concat(if(isNotNull({{ v }}.array_value), '[', '{'), {{ nested_json(v, depth) }}, if(isNotNull({{ v }}.array_value), ']', '}'))
{%- endif -%}
{%- endmacro -%}

{%- macro json(v, depth) -%}
multiIf(
    isNotNull({{ v }}.string_value), toJSONString(assumeNotNull({{ v }}.string_value)),
    isNotNull({{ v }}.array_value) OR isNotNull({{ v }}.kvlist_value), {{ bracketed(v, depth) }},
    isNotNull({{ v }}.bytes_value), concat('"', base64Encode(assumeNotNull({{ v }}.bytes_value)), '"'),
    isNotNull({{ v }}.double_value) AND NOT isFinite(assumeNotNull({{ v }}.double_value)), concat('"', toString(assumeNotNull({{ v }}.double_value)), '"'),
    coalesce(toString({{ v }}.int_value), toString({{ v }}.double_value), toString({{ v }}.bool_value), 'null'))
{%- endmacro -%}

{#- Text of a value as the OpenTelemetry Collector prints it: strings bare, bytes in base64, the rest as JSON. -#}
{%- macro text(v, depth) -%}
if(isNotNull({{ v }}.array_value) OR isNotNull({{ v }}.kvlist_value), {{ bracketed(v, depth) }},
    coalesce({{ v }}.string_value, toString({{ v }}.int_value), toString({{ v }}.double_value), toString({{ v }}.bool_value), base64Encode({{ v }}.bytes_value), ''))
{%- endmacro -%}

{%- macro attributes_map(attributes, depth) -%}
CAST(arrayMap(kv -> (kv.key, {{ text('kv.value', depth) }}), {{ attributes }}), 'Map(LowCardinality(String), String)')
{%- endmacro -%}

{#- One letter per value, in the order of the attributes: which member of the oneof was set (n: none). -#}
{%- macro attribute_types(attributes) -%}
arrayStringConcat(arrayMap((s, i, b, d, a, k, x) -> multiIf(NOT s, 's', NOT i, 'i', NOT b, 'b', NOT d, 'd', NOT a, 'a', NOT k, 'k', NOT x, 'x', 'n'),
    {{ attributes }}.value.string_value.null, {{ attributes }}.value.int_value.null, {{ attributes }}.value.bool_value.null, {{ attributes }}.value.double_value.null,
    {{ attributes }}.value.array_value.null, {{ attributes }}.value.kvlist_value.null, {{ attributes }}.value.bytes_value.null))
{%- endmacro -%}

{#- The same for attributes inside an array of records (events, links), where subcolumns are out of reach. -#}
{%- macro inner_attribute_types(attributes) -%}
arrayStringConcat(arrayMap(kv -> {{ type_letter('kv.value') }}, {{ attributes }}))
{%- endmacro -%}

{%- macro type_letter(v) -%}
multiIf(isNotNull({{ v }}.string_value), 's', isNotNull({{ v }}.int_value), 'i', isNotNull({{ v }}.bool_value), 'b',
        isNotNull({{ v }}.double_value), 'd', isNotNull({{ v }}.array_value), 'a', isNotNull({{ v }}.kvlist_value), 'k',
        isNotNull({{ v }}.bytes_value), 'x', 'n')
{%- endmacro -%}

{#- Lower-case hex of an id, empty when it is absent, all zeros or of a wrong length. -#}
{%- macro hex_id(x, bytes) -%}
if(length({{ x }}) = {{ bytes }} AND {{ x }} != repeat(char(0), {{ bytes }}), lower(hex({{ x }})), '')
{%- endmacro -%}

{#- OTLP's times are unsigned and go on to 2554, the store's are signed and end in 2262. -#}
{%- macro timestamp(ns) -%} fromUnixTimestamp64Nano(toInt64(least({{ ns }}, 9223372036854775807))) {%- endmacro -%}
