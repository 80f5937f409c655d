"""Kernel: the functions of the text search."""

from alembic import op

revision: str = "001_kernel"
down_revision: str | None = None
feature = "kernel"

# Classes of code points, from the general categories of Unicode 14, for PostgreSQL's regular
# expressions. Written out, because the classes of the server depend on its locale.
# Zs, Zl, Zp and the controls that are white space.
SPACE = r"\u0009-\u000D\u001C-\u0020\u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"
# P, Sm, Sc, Sk and the other controls: they end a word.
MARKS = (
    r"\u0000-\u0008\u000E-\u001B\u0021-\u002F\u003A-\u0040\u005B-\u0060\u007B-\u0084\u0086-"
    r"\u009F\u00A1-\u00A5\u00A7\u00A8\u00AB\u00AC\u00AF\u00B1\u00B4\u00B6-\u00B8\u00BB\u00BF"
    r"\u00D7\u00F7\u02C2-\u02C5\u02D2-\u02DF\u02E5-\u02EB\u02ED\u02EF-\u02FF\u0375\u037E\u0384"
    r"\u0385\u0387\u03F6\u055A-\u055F\u0589\u058A\u058F\u05BE\u05C0\u05C3\u05C6\u05F3\u05F4"
    r"\u0606-\u060D\u061B\u061D-\u061F\u066A-\u066D\u06D4\u0700-\u070D\u07F7-\u07F9\u07FE"
    r"\u07FF\u0830-\u083E\u085E\u0888\u0964\u0965\u0970\u09F2\u09F3\u09FB\u09FD\u0A76\u0AF0"
    r"\u0AF1\u0BF9\u0C77\u0C84\u0DF4\u0E3F\u0E4F\u0E5A\u0E5B\u0F04-\u0F12\u0F14\u0F3A-\u0F3D"
    r"\u0F85\u0FD0-\u0FD4\u0FD9\u0FDA\u104A-\u104F\u10FB\u1360-\u1368\u1400\u166E\u169B\u169C"
    r"\u16EB-\u16ED\u1735\u1736\u17D4-\u17D6\u17D8-\u17DB\u1800-\u180A\u1944\u1945\u1A1E\u1A1F"
    r"\u1AA0-\u1AA6\u1AA8-\u1AAD\u1B5A-\u1B60\u1B7D\u1B7E\u1BFC-\u1BFF\u1C3B-\u1C3F\u1C7E"
    r"\u1C7F\u1CC0-\u1CC7\u1CD3\u1FBD\u1FBF-\u1FC1\u1FCD-\u1FCF\u1FDD-\u1FDF\u1FED-\u1FEF"
    r"\u1FFD\u1FFE\u2010-\u2027\u2030-\u205E\u207A-\u207E\u208A-\u208E\u20A0-\u20C0\u2118"
    r"\u2140-\u2144\u214B\u2190-\u2194\u219A\u219B\u21A0\u21A3\u21A6\u21AE\u21CE\u21CF\u21D2"
    r"\u21D4\u21F4-\u22FF\u2308-\u230B\u2320\u2321\u2329\u232A\u237C\u239B-\u23B3\u23DC-\u23E1"
    r"\u25B7\u25C1\u25F8-\u25FF\u266F\u2768-\u2775\u27C0-\u27FF\u2900-\u2AFF\u2B30-\u2B44"
    r"\u2B47-\u2B4C\u2CF9-\u2CFC\u2CFE\u2CFF\u2D70\u2E00-\u2E2E\u2E30-\u2E4F\u2E52-\u2E5D"
    r"\u3001-\u3003\u3008-\u3011\u3014-\u301F\u3030\u303D\u309B\u309C\u30A0\u30FB\uA4FE\uA4FF"
    r"\uA60D-\uA60F\uA673\uA67E\uA6F2-\uA716\uA720\uA721\uA789\uA78A\uA838\uA874-\uA877\uA8CE"
    r"\uA8CF\uA8F8-\uA8FA\uA8FC\uA92E\uA92F\uA95F\uA9C1-\uA9CD\uA9DE\uA9DF\uAA5C-\uAA5F\uAADE"
    r"\uAADF\uAAF0\uAAF1\uAB5B\uAB6A\uAB6B\uABEB\uFB29\uFBB2-\uFBC2\uFD3E\uFD3F\uFDFC\uFE10-"
    r"\uFE19\uFE30-\uFE6B\uFF01-\uFF0F\uFF1A-\uFF20\uFF3B-\uFF40\uFF5B-\uFF65\uFFE0-\uFFE3"
    r"\uFFE5\uFFE6\uFFE9-\uFFEC\U00010100-\U00010102\U0001039F\U000103D0\U0001056F\U00010857"
    r"\U0001091F\U0001093F\U00010A50-\U00010A58\U00010A7F\U00010AF0-\U00010AF6\U00010B39-"
    r"\U00010B3F\U00010B99-\U00010B9C\U00010EAD\U00010F55-\U00010F59\U00010F86-\U00010F89"
    r"\U00011047-\U0001104D\U000110BB\U000110BC\U000110BE-\U000110C1\U00011140-\U00011143"
    r"\U00011174\U00011175\U000111C5-\U000111C8\U000111CD\U000111DB\U000111DD-\U000111DF"
    r"\U00011238-\U0001123D\U000112A9\U0001144B-\U0001144F\U0001145A-\U0001145D\U000114C6"
    r"\U000115C1-\U000115D7\U00011641-\U00011643\U00011660-\U0001166C\U000116B9\U0001173C-"
    r"\U0001173E\U0001183B\U00011944-\U00011946\U000119E2\U00011A3F-\U00011A46\U00011A9A-"
    r"\U00011A9C\U00011A9E-\U00011AA2\U00011C41-\U00011C45\U00011C70\U00011C71\U00011EF7"
    r"\U00011EF8\U00011FDD-\U00011FE0\U00011FFF\U00012470-\U00012474\U00012FF1\U00012FF2"
    r"\U00016A6E\U00016A6F\U00016AF5\U00016B37-\U00016B3B\U00016B44\U00016E97-\U00016E9A"
    r"\U00016FE2\U0001BC9F\U0001D6C1\U0001D6DB\U0001D6FB\U0001D715\U0001D735\U0001D74F"
    r"\U0001D76F\U0001D789\U0001D7A9\U0001D7C3\U0001DA87-\U0001DA8B\U0001E2FF\U0001E95E"
    r"\U0001E95F\U0001ECB0\U0001EEF0\U0001EEF1"
)
# So, which emoji are, and the scripts that put no space between words.
UNSPACED = (
    r"\u00A6\u00A9\u00AE\u00B0\u0482\u058D\u058E\u060E\u060F\u06DE\u06E9\u06FD\u06FE\u07F6"
    r"\u09FA\u0B70\u0BF3-\u0BF8\u0BFA\u0C7F\u0D4F\u0D79\u0E00-\u0E3E\u0E40-\u0E4E\u0E50-\u0E59"
    r"\u0E5C-\u0EFF\u0F01-\u0F03\u0F13\u0F15-\u0F17\u0F1A-\u0F1F\u0F34\u0F36\u0F38\u0FBE-"
    r"\u0FC5\u0FC7-\u0FCF\u0FD5-\u0FD8\u1000-\u1049\u1050-\u109F\u1100-\u11FF\u1390-\u1399"
    r"\u166D\u1780-\u17D3\u17D7\u17DC-\u17FF\u1940\u1950-\u19FF\u1A20-\u1A9F\u1AA7\u1AAE\u1AAF"
    r"\u1B00-\u1B59\u1B61-\u1B7C\u1B7F\u2100\u2101\u2103-\u2106\u2108\u2109\u2114\u2116\u2117"
    r"\u211E-\u2123\u2125\u2127\u2129\u212E\u213A\u213B\u214A\u214C\u214D\u214F\u218A\u218B"
    r"\u2195-\u2199\u219C-\u219F\u21A1\u21A2\u21A4\u21A5\u21A7-\u21AD\u21AF-\u21CD\u21D0\u21D1"
    r"\u21D3\u21D5-\u21F3\u2300-\u2307\u230C-\u231F\u2322-\u2328\u232B-\u237B\u237D-\u239A"
    r"\u23B4-\u23DB\u23E2-\u244A\u249C-\u24E9\u2500-\u25B6\u25B8-\u25C0\u25C2-\u25F7\u2600-"
    r"\u266E\u2670-\u2767\u2794-\u27BF\u2800-\u28FF\u2B00-\u2B2F\u2B45\u2B46\u2B4D-\u2BFF"
    r"\u2CE5-\u2CEA\u2E50\u2E51\u2E80-\u2FFB\u3004-\u3007\u3012\u3013\u3020-\u3029\u3031-"
    r"\u303C\u303E-\u309A\u309D-\u309F\u30A1-\u30FA\u30FC-\u3191\u3196-\u321E\u322A-\u3247"
    r"\u3250\u3260-\u327F\u328A-\u32B0\u32C0-\u9FFF\uA490-\uA4C6\uA828-\uA82B\uA836\uA837"
    r"\uA839\uA980-\uA9C0\uA9CE-\uA9DD\uA9E0-\uA9FF\uAA60-\uAA7F\uAC00-\uD7FF\uF900-\uFAFF"
    r"\uFD40-\uFD4F\uFDCF\uFDFD-\uFDFF\uFFE4\uFFE8\uFFED\uFFEE\uFFFC\uFFFD\U00010137-"
    r"\U0001013F\U00010179-\U00010189\U0001018C-\U000101FC\U00010877\U00010878\U00010AC8"
    r"\U0001173F\U00011FD5-\U00011FDC\U00011FE1-\U00011FF1\U00016B3C-\U00016B3F\U00016B45"
    r"\U00016FE0\U00016FE1\U00016FE3-\U0001B2FF\U0001BC9C\U0001CF50-\U0001D164\U0001D16A-"
    r"\U0001D16C\U0001D183\U0001D184\U0001D18C-\U0001D1A9\U0001D1AE-\U0001D241\U0001D245"
    r"\U0001D300-\U0001D356\U0001D800-\U0001D9FF\U0001DA37-\U0001DA3A\U0001DA6D-\U0001DA74"
    r"\U0001DA76-\U0001DA83\U0001DA85\U0001DA86\U0001E14F\U0001ECAC\U0001ED2E\U0001F000-"
    r"\U0001F0F5\U0001F10D-\U0001FBCA\U00020000-\U0003FFFF"
)
# Joiners, directions, variation selectors, the soft hyphen and the tatweel: they change no word.
IGNORED = (
    r"\u00AD\u034F\u061C\u0640\u180B-\u180E\u200B-\u200F\u2060-\u2064\uFEFF\u202A-\u202E\u2066"
    r"-\u2069\uFE00-\uFE0F"
)

# A word with the `+` or `#` behind it and what separates it from the next; letters without spaces
# between words; marks that stand alone.
PART = (
    f"([^{SPACE}{MARKS}{UNSPACED}]+[+#]*)([{MARKS}]?)|([{UNSPACED}]+)"
    f"|((?<![^{SPACE}])[{MARKS}]+(?![^{SPACE}]))"
)
# The longest text has 20,200 characters, but NFKC makes 18 of some, such as U+FDFA: an index entry
# of such a text took 1.6 s, and each search that met it 0.2 s.
MAX_FOLDED = 30_000
# A compatibility caseless match (The Unicode Standard, section 3.13, D146). ASCII needs none of it,
# which makes the function 20 times faster for it. The Turkish letters of i fold to that of other
# languages: a capital letter does not show which one it is.
FOLDED = f"""
CREATE FUNCTION search_folded(value text) RETURNS text
IMMUTABLE LANGUAGE sql
RETURN CASE WHEN octet_length(value) = length(value) THEN lower(value COLLATE "C")
    ELSE regexp_replace(
        regexp_replace(
            normalize(
                casefold(left(normalize(value, NFKC), {MAX_FOLDED}) COLLATE "pg_unicode_fast"), NFKC
            ) COLLATE "C",
            'i\u0307|\u0131', 'i', 'g'
        ),
        '[{IGNORED}]+', '', 'g'
    ) END
"""
# Of a word its beginnings, of one to five letters, and the word itself with a full stop, which no
# word has; the same of what follows the first change between letters and digits (`mm` of `3.5mm`).
# Of letters without spaces each one and each pair.
LEXEMES_OF_FOLDED = f"""
CREATE FUNCTION search_lexemes_of_folded(folded text) RETURNS tsvector
IMMUTABLE COST 5000 LANGUAGE plpgsql AS $$
DECLARE
    part text[];
    words text[];
    word text;
    letter text;
    previous text;
    lexemes text[] := '{{}}';
BEGIN
    FOR part IN SELECT regexp_matches(folded, '{PART}', 'g') LOOP
        IF part[1] IS NOT NULL THEN
            words := ARRAY[part[1]];
            IF part[1] ~ '[0-9+#]' THEN
                words := words || rtrim(part[1], '+#')
                    || substring(part[1] FROM '^(?:[0-9]+(?=[^0-9+#])|[^0-9]+(?=[0-9]))(.*)$');
            END IF;
            FOREACH word IN ARRAY words LOOP
                FOR size IN 1..least(5, length(word)) LOOP
                    lexemes := lexemes || left(word, size);
                END LOOP;
                lexemes := lexemes || (left(word, 50) || '.');
            END LOOP;
        ELSIF part[3] IS NOT NULL THEN
            previous := '';
            FOREACH letter IN ARRAY string_to_array(part[3], NULL) LOOP
                lexemes := lexemes || letter;
                lexemes := lexemes || (previous || letter);
                previous := letter;
            END LOOP;
        ELSE
            lexemes := lexemes || left(part[4], 50);
        END IF;
    END LOOP;
    RETURN array_to_tsvector(array_remove(lexemes, NULL));
END $$
"""  # noqa: S608  (put together from constants)
LEXEMES = """
CREATE FUNCTION search_lexemes(value text) RETURNS tsvector
IMMUTABLE LANGUAGE sql
RETURN search_lexemes_of_folded(search_folded(value))
"""
# The parts of a question. Marks count only where there is nothing else.
PARTS = f"""
CREATE FUNCTION search_parts(
    value text, OUT word text, OUT is_complete boolean, OUT run text, OUT mark text
) RETURNS SETOF record IMMUTABLE LANGUAGE sql
BEGIN ATOMIC
    SELECT left(part[1], 50), part[2] <> '', left(part[3], 50),
        CASE WHEN every(part[4] IS NOT NULL) OVER () THEN left(part[4], 50) END
    FROM regexp_matches(search_folded(value), '{PART}', 'g') AS part;
END
"""  # noqa: S608  (put together from constants)
# A word that a mark follows is complete, others may be cut short. The whole word beside its longer
# beginning: the statistics know how frequent it is.
# A single term stands twice, which squares the estimate: that of a word outside of the statistics
# is far too high among ten million rows, where PostgreSQL would walk all of them in their order.
# The cost keeps PostgreSQL from one plan for all questions, which cannot know any of this.
QUESTION = """
CREATE FUNCTION search_query(value text) RETURNS tsquery
IMMUTABLE COST 1000000 LANGUAGE sql
BEGIN ATOMIC
    SELECT (
        string_agg(term, ' & ') || CASE count(*) WHEN 1 THEN ' & ' || min(term) ELSE '' END
    )::tsquery
    FROM search_parts(value), LATERAL (
        SELECT quote_literal(word || '.') WHERE is_complete
        UNION ALL SELECT quote_literal(left(word, 5)) WHERE NOT is_complete
        UNION ALL SELECT format('(%L | %L:*)', word || '.', word)
            WHERE NOT is_complete AND length(word) > 5
        UNION ALL SELECT quote_literal(lexeme)
            FROM unnest(tsvector_to_array(search_lexemes_of_folded(run))) AS lexeme
            WHERE length(lexeme) = least(2, length(run))
        UNION ALL SELECT concat('''', replace(replace(mark, '\\', '\\\\'), '''', ''''''), '''')
            WHERE mark IS NOT NULL
    ) AS terms (term);
END
"""
# What the text of a match contains, for LIKE: cheap to try on each row where most of them match,
# and exact where pairs of letters are not.
PATTERNS = r"""
CREATE FUNCTION search_patterns(value text) RETURNS text[]
IMMUTABLE COST 1000000 LANGUAGE sql
BEGIN ATOMIC
    SELECT array_agg('%' || regexp_replace(part, '([%_\\])', '\\\1', 'g') || '%')
    FROM search_parts(value), LATERAL (SELECT coalesce(word, run, mark)) AS parts (part)
    WHERE part IS NOT NULL;
END
"""
# None is PARALLEL SAFE: starting workers takes longer than a page of matches.
SEARCH_FUNCTIONS = (FOLDED, LEXEMES_OF_FOLDED, LEXEMES, PARTS, QUESTION, PATTERNS)


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    for statement in SEARCH_FUNCTIONS:
        op.execute(statement)


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION search_patterns, search_query, search_parts, search_lexemes, "
        "search_lexemes_of_folded, search_folded"
    )
    op.execute("DROP EXTENSION IF EXISTS pg_trgm")
