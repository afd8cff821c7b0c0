#!/bin/sh
# Five visitors must see the stock within five seconds each, whatever the network does.
set -eu
for visitor in 1 2 3 4 5; do
  page=$(docker exec shop-web timeout 5 wget -q -O - http://127.0.0.1:8000/cgi-bin/index.cgi)
  echo "visitor $visitor sees: $page"
  [ "$page" = "12 apples" ]
done
