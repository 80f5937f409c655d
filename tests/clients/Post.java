import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Arrays;

/** Sends POST requests of blanks with the client of the JDK, and prints each status. */
public class Post {
    public static void main(String[] arguments) throws Exception {
        byte[] body = new byte[Integer.parseInt(arguments[1])];
        Arrays.fill(body, (byte) ' ');
        HttpClient client = HttpClient.newHttpClient();
        HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0]))
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofByteArray(body))
                .build();
        for (int count = Integer.parseInt(arguments[2]); count > 0; count--) {
            System.out.println(client.send(request, BodyHandlers.ofString()).statusCode());
        }
    }
}
