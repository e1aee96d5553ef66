"""SQL over the catalog, on views without vectors and without a way to files or the network."""

import pyarrow as pa

from perennial.errors import CatalogError

SETTINGS = {"enable_external_access": "false", "autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}


def run_sql(query: str, views: dict[str, pa.Table]) -> pa.Table:
    """Return the result of one query over these views.

    Raises:
        CatalogError: the query is wrong; the text says what DuckDB found, and which views there are.
    """
    import duckdb

    with duckdb.connect(":memory:", config=SETTINGS) as connection:
        for name, table in views.items():
            connection.register(name, table)
        connection.execute("SET lock_configuration = true")
        try:
            answer = connection.sql(query)
            if answer is None:
                raise CatalogError("The query answers nothing. Write one that starts with SELECT, FROM or DESCRIBE.")
            return answer.to_arrow_table()
        except duckdb.Error as error:
            columns = "; ".join(f"{name} ({', '.join(table.schema.names)})" for name, table in views.items())
            found = " ".join(str(error).split())
            raise CatalogError(f"The query can't be answered: {found} There are these views: {columns}.") from None
