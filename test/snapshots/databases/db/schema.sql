-- What the example tool find_articles reads. It may be applied again and again: npm run db:schema
create table if not exists articles (
  id integer generated always as identity primary key,
  name text not null unique check (char_length(name) between 1 and 200),
  price_cents integer not null check (price_cents >= 0),
  in_stock integer not null default 0 check (in_stock >= 0)
);

-- Rows for development.
insert into articles (name, price_cents, in_stock) values
  ('Desk lamp', 3900, 12),
  ('Floor lamp', 12900, 3),
  ('Lampshade 50% linen', 2450, 40),
  ('Office chair', 24900, 7),
  ('Standing desk', 59900, 0)
on conflict (name) do nothing;
