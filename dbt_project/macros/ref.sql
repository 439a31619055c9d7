{#-
    References without the file's name: a view must also work in a copy under another name, or attached as something else.
-#}
{% macro ref() -%}
    {%- set version = kwargs.get('version') or kwargs.get('v') -%}
    {%- if varargs | length == 1 -%}
        {{ return(builtins.ref(varargs[0], version=version).include(database=false)) }}
    {%- else -%}
        {{ return(builtins.ref(varargs[0], varargs[1], version=version).include(database=false)) }}
    {%- endif -%}
{%- endmacro %}

{% macro source(source_name, table_name) -%}
    {{ return(builtins.source(source_name, table_name).include(database=false)) }}
{%- endmacro %}
