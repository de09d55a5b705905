import type pg from 'pg';

type Line = { line: string };

/** The public schema as SQL text, in an order that does not depend on how it came about: what the migrations add up to. */
export async function dumpSchema(pool: pg.Pool): Promise<string> {
  const linesOf = async (text: string, values: unknown[] = []) => {
    const { rows } = await pool.query<Line>(text, values);
    return rows.map(({ line }) => line);
  };
  const tables = await linesOf(
    `select relname as line from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' and relname <> 'migrations' order by relname`,
  );
  const parts: string[] = [];
  for (const table of tables) {
    const columns = await linesOf(columnsQuery, [table]);
    const constraints = await linesOf(constraintsQuery, [table]);
    parts.push(`create table ${table} (\n  ${[...columns, ...constraints].join(',\n  ')}\n);`);
    parts.push(...(await linesOf(indexesQuery, [table])), ...(await linesOf(triggersQuery, [table])));
  }
  parts.push(...(await linesOf(functionsQuery)));
  return `${parts.join('\n\n')}\n`;
}

const columnsQuery = `select a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
    || case when a.attnotnull then ' not null' else '' end
    || case when a.attidentity = 'a' then ' generated always as identity' else '' end
    || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') as line
  from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`;

const constraintsQuery = `select 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) as line
  from pg_constraint where conrelid = $1::regclass and contype <> 'n' order by conname`;

const indexesQuery = `select pg_get_indexdef(i.indexrelid) || ';' as line
  from pg_index i join pg_class c on c.oid = i.indexrelid
  where i.indrelid = $1::regclass and not exists (select from pg_constraint where conindid = i.indexrelid) order by c.relname`;

const triggersQuery = `select pg_get_triggerdef(oid) || ';' as line from pg_trigger
  where tgrelid = $1::regclass and not tgisinternal order by tgname`;

const functionsQuery = `select rtrim(pg_get_functiondef(oid), E'\\n') || ';' as line from pg_proc
  where pronamespace = 'public'::regnamespace order by proname`;
