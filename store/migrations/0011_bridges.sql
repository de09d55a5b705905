-- Up Migration

-- How a follow-up was made: by the provider of its source, or by another that animated a still of it. Known when its file is stored.
alter table jobs add column extension text check (extension in ('native', 'bridged'));

-- Down Migration

alter table jobs drop column extension;
